"""A network in words, for model cards and messages."""

from __future__ import annotations

from training.network_config import NetworkConfig

__all__ = ["described"]

_NAMES = {
    "resunet": "ResUNet",
    "xpl-fusion": "XPL fusion: ResUNet",
    "resnet-resunet": "ResUNet on a ResNet",
    "pyramid-resunet": "ResUNet with pyramid pooling",
    "full-pspnet": "PSPNet over all stages",
    "hrnet-ocr": "HRNet with object-contextual representations",
    "pspnet": "PSPNet",
    "unet": "U-Net",
    "unetplusplus": "U-Net++",
    "manet": "MA-Net",
    "linknet": "LinkNet",
    "fpn": "FPN",
    "pan": "PAN",
    "upernet": "UPerNet",
    "deeplabv3": "DeepLabV3",
    "deeplabv3plus": "DeepLabV3+",
    "segformer": "SegFormer",
}


def described(network: NetworkConfig) -> str:
    """Name a network with all that changes it.

    Examples
    --------
    >>> described(NetworkConfig(architecture="unet", encoder="resnet34", encoder_depth=4))
    'U-Net, encoder resnet34, depth 4'
    """
    parts = [_NAMES[network.architecture]]
    if network.architecture in ("resunet", "xpl-fusion"):
        parts += [f"{network.filters} filters", f"blocks {network.order}"]
    else:
        parts.append(f"encoder {network.encoder}")
    if network.architecture in ("resnet-resunet", "pyramid-resunet"):
        parts.append(f"{network.filters} filters")
    if network.encoder_depth is not None:
        parts.append(f"depth {network.encoder_depth}")
    if network.dilated:
        parts.append("dilated")
    if network.object_regions is not None:
        parts.append(f"{network.object_regions} regions")
    if network.guided_filter:
        parts.append("guided filter")
    parts += [f"{key} {value or 'none'}" for key, value in sorted(network.options.items())]
    return ", ".join(parts)
