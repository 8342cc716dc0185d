"""Networks whose tensors are named and computed with as petroscope's are; written from its facts."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from training.torchvision_schemas import declare_torchvision_operators

declare_torchvision_operators()

import timm
from torchvision.models import resnet18

OUTPUTS = 50  # its number of classes, whatever is trained


class Block(nn.Module):
    """Two 3x3 convolutions beside a 1x1; `relu_first` in versions up to 0.0.11."""

    def __init__(self, before, after, *, dilation=1, relu_first=False):
        super().__init__()
        self.conv0, self.bn0 = nn.Conv2d(before, after, 1), nn.BatchNorm2d(after)
        three = {"kernel_size": 3, "padding": dilation, "dilation": dilation}
        self.conv1, self.bn1 = nn.Conv2d(before, after, **three), nn.BatchNorm2d(after)
        self.conv2, self.bn2 = nn.Conv2d(after, after, **three), nn.BatchNorm2d(after)
        self.relu_first = relu_first

    def step(self, norm, features):
        return norm(features.relu()) if self.relu_first else norm(features).relu()

    def forward(self, features):
        side = self.step(self.bn0, self.conv0(features))
        main = self.step(self.bn1, self.conv1(features))
        return side + self.step(self.bn2, self.conv2(main))


class Up(nn.Module):
    """Enlarges, brings to the size of the skip, and joins: enlarged first, skip second."""

    def __init__(self, before, after, skip, **block):
        super().__init__()
        self.upsample = nn.ConvTranspose2d(before, after, 2, stride=2)
        self.conv = Block(after + skip, after, **block)

    def forward(self, features, skip):
        features = self.upsample(features)
        if features.shape[2:] != skip.shape[2:]:
            features = to_size(features, skip)
        return self.conv(torch.cat([features, skip], 1))


def to_size(features, like):
    size = tuple(like.shape[2:])
    return functional.interpolate(features, size=size, mode="bilinear", align_corners=True)


class PlainResUNet(nn.Module):
    def __init__(self, filters, *, dilated=False, relu_first=False):
        super().__init__()
        widths = [filters * 2**level for level in range(5)]
        names = ["down1", "down2", "down3", "down4", "bottleneck"]
        rates = [1, 1, 2, 4, 4] if dilated else [1] * 5
        for name, before, after, rate in zip(names, [3, *widths], widths, rates, strict=False):
            setattr(self, name, Block(before, after, dilation=rate, relu_first=relu_first))
        for number, width in enumerate(widths[3::-1], start=1):
            setattr(self, f"up{number}", Up(2 * width, width, width, relu_first=relu_first))
        self.out = nn.Conv2d(filters, OUTPUTS, 1)

    def forward(self, features):
        skips = []
        for name in ("down1", "down2", "down3", "down4"):
            features = getattr(self, name)(features)
            skips.append(features)
            features = functional.max_pool2d(features, 2)
        features = self.bottleneck(features)
        for number, skip in enumerate(reversed(skips), start=1):
            features = getattr(self, f"up{number}")(features, skip)
        return self.out(features)


class Wrapped(nn.Module):
    """Its ResUNet since 0.0.12, its HRNet: the network lies in `model`."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, image):
        return self.model(image)


def dilated_(stage, rate):
    for module in stage.modules():
        if isinstance(module, nn.Conv2d):
            module.stride = (1, 1)
            if module.kernel_size == (3, 3):
                module.dilation = module.padding = (rate, rate)
    return stage


def resnet_stages(*, dilated):
    net = resnet18(weights=None)
    stages = {"layer0": nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool)}
    for number in (1, 2, 3, 4):
        stages[f"layer{number}"] = getattr(net, f"layer{number}")
    if dilated:
        dilated_(stages["layer3"], 2)
        dilated_(stages["layer4"], 4)
    return stages


class ResNetResUNet(nn.Module):
    def __init__(self, filters, *, dilated):
        super().__init__()
        self.backbone_features = nn.ModuleDict(resnet_stages(dilated=dilated))
        self.up1, self.up2 = Up(512, 256, 256), Up(256, 128, 128)
        self.up3, self.up4 = Up(128, 64, 64), Up(64, filters, 64)
        self.out = nn.Conv2d(filters, OUTPUTS, 1)

    def forward(self, image):
        skips, features = [], image
        for stage in self.backbone_features.values():
            features = stage(features)
            skips.append(features)
        for up, skip in zip((self.up1, self.up2, self.up3, self.up4), skips[3::-1], strict=True):
            features = up(features, skip)
        return to_size(self.out(features), image)


class Pyramid(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.features = nn.ModuleList(
            nn.Sequential(
                nn.AdaptiveAvgPool2d(bins),
                nn.Conv2d(width, width // 4, 1, bias=False),
                nn.BatchNorm2d(width // 4),
                nn.ReLU(),
            )
            for bins in (1, 2, 3, 6)
        )

    def forward(self, features):
        return torch.cat(
            [features, *(to_size(one(features), features) for one in self.features)], 1
        )


class PSPNet(nn.Module):
    def __init__(self, *, dilated):
        super().__init__()
        for name, stage in resnet_stages(dilated=dilated).items():
            setattr(self, name, stage)
        self.psp = Pyramid(512)
        self.final = nn.Sequential(
            nn.Conv2d(1024, 512, 3, padding=1, bias=False),
            nn.BatchNorm2d(512),
            nn.ReLU(),
            nn.Conv2d(512, OUTPUTS, 1),
        )

    def forward(self, image):
        features = image
        for number in range(5):
            features = getattr(self, f"layer{number}")(features)
        return to_size(self.final(self.psp(features)), image)


def projection(before, after):
    return nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()


class Attention(nn.Module):
    def __init__(self, width):
        super().__init__()
        keys = width // 2
        self.f_pixel = nn.Sequential(*projection(width, keys), *projection(keys, keys))
        self.f_object = nn.Sequential(*projection(width, keys), *projection(keys, keys))
        self.f_down = nn.Sequential(*projection(width, keys))
        self.f_up = nn.Sequential(*projection(keys, width))

    def forward(self, features, regions):
        query, key, value = self.f_pixel(features), self.f_object(regions), self.f_down(regions)
        scores = torch.einsum("nkhw,nkr->nhwr", query, key[..., 0]) / key.shape[1] ** 0.5
        return self.f_up(torch.einsum("nhwr,nkr->nkhw", scores.softmax(-1), value[..., 0]))


class HRNetBackbone(nn.Module):
    """The network that petroscope's HRNet keeps under ``model.backbone``."""

    def __init__(self, variant, width):
        super().__init__()
        body = timm.create_model(f"hrnet_{variant}", head="", num_classes=0)
        for module in body.modules():
            if isinstance(module, nn.Upsample):
                module.mode, module.align_corners = "bilinear", True
        for name, child in body.named_children():
            setattr(self, name, child)
        self.stages = body.stages
        joined = sum(branch[-1].bn2.num_features for branch in body.stage4[-1].branches)
        self.conv3x3_ocr = nn.Sequential(
            nn.Conv2d(joined, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.aux_head = nn.Sequential(
            nn.Conv2d(joined, joined, 1), nn.BatchNorm2d(joined), nn.ReLU(),
            nn.Conv2d(joined, OUTPUTS, 1),
        )  # fmt: skip
        self.ocr_distri_head = nn.Module()
        self.ocr_distri_head.object_context_block = Attention(width)
        self.ocr_distri_head.conv_bn_dropout = nn.Sequential(*projection(2 * width, width))
        self.cls_head = nn.Conv2d(width, OUTPUTS, 1)

    def forward(self, image):
        stem = self.bn2(self.conv2(self.bn1(self.conv1(image)).relu())).relu()
        branches = self.stages(stem)
        joined = torch.cat([to_size(one, branches[0]) for one in branches], 1)
        belonging = self.aux_head(joined).flatten(2).softmax(2)
        features = self.conv3x3_ocr(joined)
        regions = torch.einsum("ncp,nrp->ncr", features.flatten(2), belonging)[..., None]
        head = self.ocr_distri_head
        context = head.object_context_block(features, regions)
        fused = head.conv_bn_dropout(torch.cat([context, features], 1))
        return to_size(self.cls_head(fused), image)


class HRNet(nn.Module):
    def __init__(self, variant="w18_small", width=8):
        super().__init__()
        self.backbone = HRNetBackbone(variant, width)

    def forward(self, image):
        return self.backbone(image)
