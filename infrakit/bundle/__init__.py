"""A bundle: all that a machine without a network needs, as a folder that fits on a stick.

    infrakit.pyz, infrakit.yaml, infrakit.lock, and the blueprints beside the file
    images/       an OCI image layout; each blob once, whatever images, hosts and architectures share it
    packages/     <distribution>-<codename>-<architecture>/*.deb
    sbom/         what is in each image
    bundle.json   the manifest, written last: size and SHA-256 of every file, the serial, the images
    bundle.json.sig   SSHSIG of the manifest's bytes, by ssh-keygen -Y sign

This package is pure: bytes -> values, and back. What reads and writes a bundle is in system/.
"""

from infrakit.bundle.fault import Fault, Refused
from infrakit.bundle.manifest import FileEntry, ImageEntry, Manifest, parse, to_bytes

__all__ = ["Fault", "FileEntry", "ImageEntry", "Manifest", "Refused", "parse", "to_bytes"]
