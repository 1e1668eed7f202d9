import { defineConfig } from 'vitepress';

const page = (text, link) => ({ text, link });

export default defineConfig({
  title: 'fewshot-nas',
  description: 'Few-shot neural architecture search as one durable Temporal workflow',
  cleanUrls: true,
  lastUpdated: false,
  // The test of the docs looks at links, those out of this folder too.
  ignoreDeadLinks: true,
  srcExclude: ['node_modules/**'],
  markdown: { config: (markdown) => literally(markdown) },
  themeConfig: {
    search: { provider: 'local' },
    sidebar: [
      { text: 'Start', items: [page('Tutorial', '/'), page('The package', '/package'), page('Set-up', '/setup')] },
      {
        text: 'How to',
        items: [
          page('be told', '/notifications'),
          page('run by the clock', '/schedules'),
          page('read the pages of a run', '/pages'),
          page('train on ImageNet', '/imagenet'),
          page('use a subnet', '/deployment'),
          page('move to and from PyTorch', '/pytorch'),
          page('trust a resumed run', '/durability'),
        ],
      },
      { text: 'For a team', items: [page('Run it for months', '/production'), page('Security', '/security')] },
      {
        text: 'Reference',
        items: [page('Pipelines', '/reference/pipelines'), page('Commands', '/reference/commands')],
      },
      {
        text: 'Explanation',
        items: [
          page('Architecture', '/architecture'),
          page('The tests', '/tests'),
          page('Rank quality', '/rank-quality'),
          page('Benchmarks', '/benchmarks'),
        ],
      },
    ],
  },
});

/** `${{ … }}` of a pipeline is text, and no expression of Vue. */
function literally(markdown) {
  const inline = markdown.renderer.rules.code_inline;
  markdown.renderer.rules.code_inline = (tokens, at, ...rest) => {
    tokens[at].attrSet('v-pre', '');
    return inline(tokens, at, ...rest);
  };
}
