"""Vision and language: a dual encoder trained on a folder of images with captions."""
