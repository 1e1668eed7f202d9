"""Reads a safetensors file with float32 tensors, for the PyTorch sides of the benchmarks."""
import json
import struct

import numpy as np


def read_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    header.pop("__metadata__", None)
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        yield name, np.frombuffer(data[begin:end], np.float32).reshape(entry["shape"])
