"""SHA-256 without `hashlib`, whose import loads OpenSSL: a tenth of a whole compile."""

try:
    from _sha2 import sha256
except ImportError:
    try:
        from _sha256 import sha256
    except ImportError:
        from hashlib import sha256


def hex_digest(content: bytes) -> str:
    """SHA-256 of `content`, in hexadecimal."""
    return str(sha256(content).hexdigest())
