"""Unpacks chosen members of a wheel: unpack.py WHEEL FOLDER [--exclude PATTERN]... PATTERN...   (* also matches /)"""
import argparse
import fnmatch
import os
import zipfile

parser = argparse.ArgumentParser()
parser.add_argument("wheel")
parser.add_argument("folder")
parser.add_argument("patterns", nargs="+")
parser.add_argument("--exclude", action="append", default=[])
arguments = parser.parse_args()


def matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


with zipfile.ZipFile(arguments.wheel) as wheel:
    for member in wheel.infolist():
        name = member.filename
        if matches(name, arguments.patterns) and not matches(name, arguments.exclude) and not member.is_dir():
            path = wheel.extract(member, arguments.folder)
            os.chmod(path, 0o755 if member.external_attr >> 16 & 0o100 else 0o644)  # extract() forgets what is executable
