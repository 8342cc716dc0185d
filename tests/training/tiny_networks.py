"""A small network of every architecture, with weights that would show a mistake."""

from __future__ import annotations

import torch

from training.network_config import NetworkConfig

TINY_ENCODER = "tu-test_resnet"
DECODER = {"decoder_channels": (16, 16, 8, 8, 8)}
TINY = {
    "resunet": {"filters": 2},
    "resunet-dilated": {"filters": 2, "dilated": True},
    "resnet-resunet": {"filters": 2},
    "resnet-resunet-dilated": {"filters": 2, "dilated": True},
    "pyramid-resunet": {"filters": 2},
    "full-pspnet": {"encoder": TINY_ENCODER},
    "full-pspnet-dilated": {"encoder": TINY_ENCODER, "dilated": True},
    "hrnet-ocr": {
        "encoder": "tu-hrnet_w18_small",
        "object_regions": 5,
        "options": {"middle_channels": 8},
    },
    "pspnet": {"encoder": TINY_ENCODER, "options": {"psp_out_channels": 16}},
    "pspnet-guided": {
        "encoder": TINY_ENCODER,
        "options": {"psp_out_channels": 16},
        "guided_filter": True,
    },
    "unet": {
        "encoder": TINY_ENCODER,
        "encoder_depth": 3,
        "options": {"decoder_channels": (16, 8, 8)},
    },
    "unetplusplus": {"encoder": TINY_ENCODER, "options": DECODER},
    "manet": {"encoder": TINY_ENCODER, "options": {**DECODER, "decoder_pab_channels": 8}},
    "linknet": {"encoder": TINY_ENCODER},
    "fpn": {
        "encoder": TINY_ENCODER,
        "options": {"decoder_pyramid_channels": 16, "decoder_segmentation_channels": 32},
    },
    "pan": {"encoder": TINY_ENCODER, "options": {"decoder_channels": 8}},
    "upernet": {"encoder": TINY_ENCODER, "options": {"decoder_channels": 16}},
    "deeplabv3": {"encoder": TINY_ENCODER, "options": {"decoder_channels": 16}},
    "deeplabv3plus": {"encoder": TINY_ENCODER, "options": {"decoder_channels": 16}},
    "segformer": {"encoder": TINY_ENCODER, "options": {"decoder_segmentation_channels": 16}},
}


def tiny(name: str) -> NetworkConfig:
    """The configuration of that name in `TINY`."""
    architecture = name.removesuffix("-dilated").removesuffix("-guided")
    return NetworkConfig(architecture=architecture, **TINY[name])


def lively(network: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Batch statistics away from 0 and 1, so that a lost normalisation would show."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0.0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
            module.weight.data.uniform_(0.5, 1.5, generator=generator)
            module.bias.data.normal_(0.0, 0.1, generator=generator)
    return network.eval()
