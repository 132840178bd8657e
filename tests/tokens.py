"""Tokens of nobody, in the form that their readers take."""

import base64

TUNNEL_TOKEN = base64.b64encode(b'{"a":"a1","s":"c2VjcmV0","t":"4c1f"}').decode()
