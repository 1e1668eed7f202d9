"""Peer of bench/train.ts: the same one-shot sandwich step in PyTorch, written as the original is (weights sliced and made
contiguous, gradients summed over the nets, clipped by value, SGD with Nesterov momentum). Reads a task file, answers every
line on stdin (how often to go through the task's iterations) with one JSON line. The second argument is the format: contiguous,
channels_last, or channels_last_bf16, which computes in bfloat16 where autocast does. With the further arguments RANK, RANKS and
HOST:PORT it is one process of bench/ranks.ts: DistributedDataParallel over gloo, each process with its share of the images."""
import contextlib
import json
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

from safetensors_file import read_safetensors

task = json.load(open(sys.argv[1]))
memory = torch.channels_last if sys.argv[2].startswith("channels_last") else torch.contiguous_format
precision = torch.bfloat16 if sys.argv[2].endswith("bf16") else torch.float32
device = torch.device(task.get("device", "cpu"))
rank, ranks = (int(text) for text in sys.argv[3:5]) if len(sys.argv) > 3 else (0, 1)
torch.set_num_threads(task["threads"])


def parameter(array):
    value = torch.from_numpy(array.copy()).to(device)
    if value.ndim == 4:
        value = value.contiguous(memory_format=memory)
    return torch.nn.Parameter(value)


params = {name: parameter(array) for name, array in read_safetensors(task["weights"])}
decayed = [value for value in params.values() if value.ndim > 1]
spared = [value for value in params.values() if value.ndim == 1]
optimizer = torch.optim.SGD(
    [{"params": decayed, "weight_decay": task["weight_decay"]}, {"params": spared, "weight_decay": 0.0}],
    lr=task["rate"],
    momentum=0.9,
    nesterov=True,
)
side, channels = task["resolution"], task["channels"]
images = np.fromfile(task["images"], np.float32).reshape(-1, side, side, channels).transpose(0, 3, 1, 2)
share = slice(rank * task["batch"], (rank + 1) * task["batch"])
images = torch.from_numpy(images[share].copy()).to(device).contiguous(memory_format=memory)
labels = torch.tensor(task["labels"][share], device=device)
hard = F.one_hot(labels, task["classes"]) * (1 - task["label_smoothing"]) + task["label_smoothing"] / task["classes"]
first_block = [sum(task["depths"][:stage]) for stage in range(len(task["depths"]))]


def conv_norm(x, prefix, conv, norm, out, stride):
    weight = params[f"{prefix}{conv}.conv.weight"][:out, : x.shape[1]].contiguous(memory_format=memory)
    y = F.conv2d(x, weight, None, stride, weight.shape[-1] // 2)
    gamma, beta = params[f"{prefix}{norm}.bn.weight"][:out], params[f"{prefix}{norm}.bn.bias"][:out]
    return F.batch_norm(y, None, None, gamma, beta, True, 0.0, 1e-5)


def resized(side):
    if side == images.shape[-1]:
        return images
    return F.interpolate(images, (side, side), mode="bicubic", align_corners=True).contiguous(memory_format=memory)


def forward(net, dropout):
    x = F.relu(conv_norm(resized(net["resolution"]), "first_conv.", "conv", "bn", net["stem"], task["stem_stride"]), True)
    if task["stem_pool"]:
        x = F.max_pool2d(x, 3, 2, 1)
    for stage, blocks in enumerate(net["stages"]):
        for index, block in enumerate(blocks):
            stride = task["strides"][stage] if index == 0 else 1
            prefix = f"blocks.{first_block[stage] + index}."
            y = F.relu(conv_norm(x, prefix, "conv1", "bn1", block["mid"], stride), True)
            y = conv_norm(y, prefix, "conv2", "bn2", block["out"], 1)
            if stride != 1 or x.shape[1] != block["out"]:
                x = conv_norm(x, prefix, "short_conv", "short_bn", block["out"], stride)
            x = F.relu(y + x)
    features = F.dropout(x.mean((2, 3)), dropout)
    weight = params["classifier.linear.linear.weight"][:, : features.shape[1]]
    return F.linear(features, weight, params["classifier.linear.linear.bias"])


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.all = torch.nn.ParameterList(params.values())

    def forward(self, net, dropout):
        return forward(net, dropout)


network = Network()
if ranks > 1:
    torch.distributed.init_process_group("gloo", init_method=f"tcp://{sys.argv[5]}", rank=rank, world_size=ranks)
    # No net but the largest uses all parameters.
    network = torch.nn.parallel.DistributedDataParallel(network, find_unused_parameters=True)


def soft_cross_entropy(logits, targets):
    return -(targets * F.log_softmax(logits, 1)).sum(1).mean()


def step(nets):
    optimizer.zero_grad()
    losses, targets = [], hard
    for index, net in enumerate(nets):
        # Gradients are summed over the processes once a step, in the backward pass of the last net.
        is_apart = ranks > 1 and index < len(nets) - 1
        with network.no_sync() if is_apart else contextlib.nullcontext():
            with torch.autocast(device.type, precision, precision is not torch.float32):
                logits = network(net, task["dropout"] if index == 0 else 0.0).float()
            loss = soft_cross_entropy(logits, targets)
            loss.backward()
        losses.append(loss.detach())
        if index == 0:
            targets = F.softmax(logits.detach(), 1)
    torch.nn.utils.clip_grad_value_(params.values(), task["grad_clip_value"])
    optimizer.step()
    return [loss.item() for loss in losses]


for line in sys.stdin:
    losses, times = [], []
    for _ in range(int(line)):
        for nets in task["iterations"]:
            start = time.perf_counter()
            losses.append(step(nets))
            times.append((time.perf_counter() - start) * 1000)
    print(json.dumps({"ms": times, "losses": losses, "version": torch.__version__}), flush=True)
