"""The peer of bench/data.ts: PIL and torchvision in a DataLoader. Answers each line on stdin (epochs) with a line of JSON."""

import json
import os
import sys
import time

import PIL
import torch
import torchvision
from PIL import Image
from torchvision import transforms as T


class Files(torch.utils.data.Dataset):
    def __init__(self, files, transform):
        self.files = files
        self.transform = transform

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        with open(self.files[index], "rb") as file:
            return self.transform(Image.open(file).convert("RGB")), index


def transform_of(task):
    dataset = task["dataset"]
    last = [T.ToTensor(), T.Normalize(dataset["normalise"]["mean"], dataset["normalise"]["std"])]
    if not task["augment"]:
        test = dataset["transforms"]["evaluation"]
        return T.Compose([T.Resize((test["resize"], test["resize"])), T.CenterCrop(test["crop"]), *last])
    train = dataset["transforms"]["training"]
    jitter, crop = train["color_jitter"], train["random_resized_crop"]
    return T.Compose(
        [
            T.ColorJitter(jitter["brightness"], jitter["contrast"]),
            T.RandomRotation(train["rotation_degrees"]),
            T.RandomResizedCrop(dataset["resolution"], crop["scale"], crop["ratio"]),
            T.RandomHorizontalFlip(train["horizontal_flip"]),
            *last,
        ]
    )


def cpu_seconds(pids):
    """Processor time of processes so far, their threads included."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def main():
    with open(sys.argv[1]) as file:
        task = json.load(file)
    loader = torch.utils.data.DataLoader(
        Files(task["files"], transform_of(task)),
        batch_size=task["batch"],
        shuffle=task["augment"],
        num_workers=task["workers"],
        persistent_workers=True,
    )
    iterator = iter(loader)
    for _ in iterator:
        pass
    processes = [os.getpid(), *(worker.pid for worker in iterator._workers)]
    versions = f"{torch.__version__}, torchvision {torchvision.__version__}, Pillow {PIL.__version__}"
    for line in sys.stdin:
        start, cpu = time.perf_counter(), cpu_seconds(processes)
        images, total = 0, 0.0
        for _ in range(int(line)):
            for batch, indices in loader:
                images += len(indices)
                total += float(batch[0, 0, 0, 0])
        ms = (time.perf_counter() - start) * 1000
        used = (cpu_seconds(processes) - cpu) * 1000
        print(json.dumps({"ms": ms, "cpu": used, "images": images, "sum": total, "version": versions}), flush=True)


main()
