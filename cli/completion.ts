import { Argument } from 'commander';
import type { Command } from 'commander';

/** What each shell has to be told once: it asks `nas complete` for the words that may stand where the cursor is. */
export const completionScripts: Readonly<Record<string, string>> = {
  bash: String.raw`# eval "$(nas completion bash)"
_nas() {
  local IFS=$'\n'
  COMPREPLY=($(compgen -W "$(nas complete -- "${'$'}{COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "${'$'}{COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _nas nas`,
  zsh: String.raw`# eval "$(nas completion zsh)"
_nas() {
  local -a found
  found=("${'$'}{(@f)$(nas complete -- "${'$'}{(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$found[1]" ]]; then compadd -a found; else _files; fi
}
# Who asks for it early in .zshrc has not loaded what completes yet.
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _nas nas`,
  fish: String.raw`# nas completion fish | source
function __nas_words
  set -l found (nas complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)
  if set -q found[1]
    printf '%s\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c nas -f -a '(__nas_words)'`,
};

export function define(command: Command): void {
  command
    .addArgument(new Argument('<shell>', 'the shell that is to complete').choices(Object.keys(completionScripts)))
    .action((shell: string) => void process.stdout.write(`${completionScripts[shell] ?? ''}\n`));
}
