"""From a checkpoint to an ONNX file with its card and the proof that both agree."""
