"""The door to the networks: TensorFlow/Keras builds them, OpenVINO or TensorFlow runs them."""
