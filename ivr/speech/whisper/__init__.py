"""Whisper with its decoder on ONNX Runtime, suited to short questions on the telephone (docs/whisper.md)."""
