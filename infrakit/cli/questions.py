"""What is asked where there is no file yet: each question explains itself, with an example and what Enter comes to."""

QUESTIONS: dict[str, tuple[str, str, str]] = {
    "domain": (
        "domain",
        "home.example.org",
        "every page gets a name below it, for instance dozzle.home.example.org; Enter takes home.example.org, which is "
        "nobody's: only your own computers or router can be told of it",
    ),
    "pattern": (
        "pattern (full, edge or monitoring)",
        "full",
        "full: everything, for instance on a home server; edge: this machine is managed from elsewhere; monitoring: it "
        "is watched, and the pages have sign-in; Enter takes full",
    ),
    "tls": (
        "certificates (acme, internal, files or tunnel)",
        "acme",
        "acme: public ones, for a domain of yours that leads here from the internet; internal: of this machine's own, "
        "for instance at home, and browsers have to trust it; files: yours; tunnel: Cloudflare's; Enter takes acme",
    ),
    "admin": (
        "administrator",
        "admin",
        "the user who may open every page, for instance alice; a link at the end signs that user in first; Enter takes "
        "admin",
    ),
}
"""Key -> what is asked, what Enter means, and what is said before."""


def about_secret(description: str) -> str:
    """What is said before a secret that only the user has is asked for."""
    return f"{description.rstrip('.')}; it does not show while you paste it; Enter alone ends here, and changes nothing"
