"""Networks for mineral segmentation."""
