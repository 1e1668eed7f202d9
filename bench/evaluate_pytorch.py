"""Peer of bench/evaluate.ts: the original's test in PyTorch. Each subnet is sliced out of the supernet, its BN statistics are
reset and averaged over the calibration batches, then it is tested. Reads a task file; answers every line on stdin (how often
to go through all subnets) with one JSON line."""
import json
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

from safetensors_file import read_safetensors

task = json.load(open(sys.argv[1]))
memory = torch.channels_last
torch.set_num_threads(task["threads"])
device = torch.device(task.get("device", "cpu"))
params = {name: torch.from_numpy(array.copy()).to(device) for name, array in read_safetensors(task["weights"])}
side, channels = task["side"], task["channels"]
images = np.fromfile(task["images"], np.float32).reshape(-1, side, side, channels).transpose(0, 3, 1, 2)
images = torch.from_numpy(images.copy()).to(device)
labels = torch.tensor(task["labels"], device=device)
first_block = [sum(task["depths"][:stage]) for stage in range(len(task["depths"]))]


def batches(first, last, size):
    for start in range(first, last, size):
        yield images[start : min(start + size, last)].contiguous(memory_format=memory)


calibration = list(batches(0, task["calibrated"], task["calibration_batch"]))
tested = list(batches(task["calibrated"], len(images), task["test_batch"]))


class ConvNorm:
    def __init__(self, conv, norm, out, width, stride):
        self.weight = params[f"{conv}.conv.weight"][:out, :width].contiguous(memory_format=memory)
        self.gamma, self.beta = params[f"{norm}.bn.weight"][:out], params[f"{norm}.bn.bias"][:out]
        self.mean, self.variance, self.count, self.stride = torch.zeros(out, device=device), torch.ones(out, device=device), 0, stride

    def __call__(self, x, training):
        y = F.conv2d(x, self.weight, None, self.stride, self.weight.shape[-1] // 2)
        if training:
            self.count += 1
        momentum = 1 / self.count if training else 0.0
        return F.batch_norm(y, self.mean, self.variance, self.gamma, self.beta, training, momentum, 1e-5)


class Subnet:
    def __init__(self, net):
        width = net["stem"]
        self.stem = ConvNorm("first_conv.conv", "first_conv.bn", width, channels, task["stem_stride"])
        self.blocks = []
        for stage, blocks in enumerate(net["stages"]):
            for index, block in enumerate(blocks):
                stride = task["strides"][stage] if index == 0 else 1
                prefix = f"blocks.{first_block[stage] + index}."
                conv1 = ConvNorm(prefix + "conv1", prefix + "bn1", block["mid"], width, stride)
                conv2 = ConvNorm(prefix + "conv2", prefix + "bn2", block["out"], block["mid"], 1)
                shortcut = None
                if stride != 1 or width != block["out"]:
                    shortcut = ConvNorm(prefix + "short_conv", prefix + "short_bn", block["out"], width, stride)
                self.blocks.append((conv1, conv2, shortcut))
                width = block["out"]
        self.weight = params["classifier.linear.linear.weight"][:, :width].contiguous()
        self.bias = params["classifier.linear.linear.bias"]

    def __call__(self, x, training):
        x = F.relu(self.stem(x, training), True)
        if task["stem_pool"]:
            x = F.max_pool2d(x, 3, 2, 1)
        for conv1, conv2, shortcut in self.blocks:
            y = conv2(F.relu(conv1(x, training), True), training)
            y += shortcut(x, training) if shortcut else x
            x = F.relu(y, True)
        return F.linear(x.mean((2, 3)), self.weight, self.bias)


def score(net):
    subnet = Subnet(net)
    for x in calibration:
        subnet(x, True)
    top1, loss, start = 0, 0.0, 0
    for x in tested:
        logits, own = subnet(x, False), labels[start : start + len(x)]
        top1 += (logits.argmax(1) == own).sum().item()
        loss += F.cross_entropy(logits, own, reduction="sum").item()
        start += len(x)
    return top1, loss / start


with torch.no_grad():
    score(task["subnets"][0])
    for line in sys.stdin:
        times, cpu = [], time.process_time()
        for _ in range(int(line)):
            start = time.perf_counter()
            scores = [score(net) for net in task["subnets"]]
            times.append((time.perf_counter() - start) * 1000)
        cpu = (time.process_time() - cpu) * 1000
        top1, losses = zip(*scores)
        answer = {"ms": times, "cpu": cpu, "top1": top1, "crossEntropy": losses, "version": torch.__version__}
        print(json.dumps(answer), flush=True)
