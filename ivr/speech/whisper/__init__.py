"""Whisper on ONNX Runtime: a decoder that suits short questions on a telephone line."""
