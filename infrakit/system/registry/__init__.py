"""Registries of images, asked without Docker: what a name stands for, for which processors, and its bytes.

client = Client(tell=say)
client.digest("docker.io/library/caddy:2.11.4")              -> the digest that the tag has now
found = client.image("docker.io/library/caddy:2.11.4", ("amd64", "arm64"))
found.images["arm64"].config.digest                          -> the image ID that Docker gives it
for part in verified(client.blob(name, layer), layer): ...   -> bytes, whole or an error
"""

from infrakit.system.registry.client import Client
from infrakit.system.registry.content import Content, Descriptor, Image, PlatformImage, verified
from infrakit.system.registry.names import Reference, parse_reference

__all__ = ["Client", "Content", "Descriptor", "Image", "PlatformImage", "Reference", "parse_reference", "verified"]
