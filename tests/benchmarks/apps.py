"""A file with as many apps as somebody may have: of four kinds, by turns."""

HEAD = """version: 1
domain: home.example.org
pattern: full
network: {pool: 10.16.0.0/12}
access:
  administrators: [alice]
  groups: {family: [bob, carol]}
apps:
"""

KINDS = (
    """  wiki{0}:
    image: ghcr.io/requarks/wiki:2.5
    port: 3000
    allow: [family]
    data: [/wiki/data]
    environment:
      DB_TYPE: postgres
      DB_URL: "postgres://wiki:${{secret.wiki{0}_db}}@store{0}/wiki"
      SITE_URL: "${{url}}"
    secrets: [wiki{0}_db]
    needs: [store{0}]
    memory: 512m
""",
    """  store{0}:
    image: docker.io/library/postgres:16.16-alpine
    data: [/var/lib/postgresql/data]
    environment: {{POSTGRES_USER: wiki, POSTGRES_PASSWORD_FILE: /run/secrets/wiki{0}_db}}
    secrets: [wiki{0}_db]
    user: "70"
    memory: 256m
""",
    """  media{0}:
    image: docker.io/jellyfin/jellyfin:10.10
    doors:
      web: {{port: 8096, subdomain: media{0}}}
      admin: {{port: 8097, subdomain: admin{0}, allow: [administrators]}}
    data: [/config, /cache]
    mounts: ["/srv/media:/media:ro"]
    ports: ["{1}:{1}/udp"]
    memory: 1g
""",
    """  job{0}:
    image: ghcr.io/example/job:1.{0}
    environment: {{TZ: Europe/Berlin, LEVEL: info, QUEUE: main}}
    internet: true
    memory: 64m
""",
)


def many(apps: int) -> str:
    """The text of a file with so many apps, a multiple of four."""
    kinds = (kind.format(number, 20000 + number) for number in range(apps // len(KINDS)) for kind in KINDS)
    return HEAD + "".join(kinds)
