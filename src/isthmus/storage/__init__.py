"""Models on disk: a folder of JSON and safetensors, read with suspicion and written in one piece."""

from isthmus.storage.model_folder import FORMAT_VERSION, StorageError, load, save

__all__ = ["FORMAT_VERSION", "StorageError", "load", "save"]
