"""Networks from outside: Keras models, ONNX files and models that somebody adds; looked at, then run."""
