"""RAPIRA: the login is signed with every form of a key it is handed around in, and what cannot sign is named."""

import base64
import builtins
import json

import pytest

from marketctl.errors import AuthFailed, ConfigError, PermissionDenied
from marketctl.http.messages import Request
from marketctl.models import KeyInfo
from marketctl.providers.cex import rapira
from marketctl.providers.cex.rapira import RapiraAdapter

LOGIN = "POST /open/generate_jwt"


def test_login_matches_the_vector(sample):
    vector = sample("rapira/login")
    body = rapira.login_body(vector["uid"], vector["private_key"], vector["expires"], vector["jti"])
    assert json.loads(body) == {"kid": vector["uid"], "jwt_token": vector["jwt_token"]}


def test_key_is_read_in_every_form_it_is_handed_around(sample):
    vector = sample("rapira/login")
    handed_out = vector["private_key"]
    pem = base64.b64decode(handed_out).decode()
    bare = "".join(pem.splitlines()[1:-1])
    wrapped = "\n".join(handed_out[start : start + 76] for start in range(0, len(handed_out), 76))
    for form in (
        pem,
        pem.replace("\n", "\\n"),
        pem.replace("\n", "\r\n"),
        bare,
        pem.strip(),
        wrapped,
        f" {handed_out}\n",
    ):
        body = rapira.login_body(vector["uid"], form, vector["expires"], vector["jti"])
        assert json.loads(body)["jwt_token"] == vector["jwt_token"]


def test_key_of_the_older_pem_form_is_read_too(sample):
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

    vector = sample("rapira/login")
    key = load_pem_private_key(base64.b64decode(vector["private_key"]), None)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    assert pem.startswith(b"-----BEGIN RSA PRIVATE KEY-----")
    for form in (pem.decode(), base64.b64encode(pem).decode(), "".join(pem.decode().splitlines()[1:-1])):
        assert rapira.rsa_signature(form, b"x") == rapira.rsa_signature(vector["private_key"], b"x")


GIVE = "give the PEM, or its base64 as an exchange hands it out, without a passphrase"
PRIVATE = "give the private key that belongs to it: the exchange alone wants the public one"
EXPECTED = ", expected PRIVATE KEY or RSA PRIVATE KEY"


def other_keys():
    """Yield keys that cannot sign, with what is said of each, and what to do."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    key = ec.generate_private_key(ec.SECP256R1())
    plain, spki = NoEncryption(), PublicFormat.SubjectPublicKeyInfo
    for secrecy, form in ((plain, PrivateFormat.PKCS8), (plain, PrivateFormat.TraditionalOpenSSL)):
        ours = "make an RSA key for this exchange"
        yield key.private_bytes(Encoding.PEM, form, secrecy), "is a private key of the kind EC, expected RSA", ours
    other = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.DER, PrivateFormat.PKCS8, plain)
    yield base64.b64encode(other), "is a private key of the kind Ed25519, expected RSA", ours
    take_off = "take it off: openssl pkey -in KEY.pem -out PLAIN.pem; give PLAIN.pem"
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        secrecy = BestAvailableEncryption(b"passphrase")
        yield (
            key.private_bytes(Encoding.PEM, form, secrecy),
            "is a private key with a passphrase, expected one without",
            take_off,
        )
    for public in (
        key.public_key().public_bytes(Encoding.PEM, spki),
        base64.b64encode(key.public_key().public_bytes(Encoding.DER, spki)),
        base64.b64encode(key.public_key().public_bytes(Encoding.PEM, spki)),
    ):
        yield public, f"is a PEM of the kind PUBLIC KEY{EXPECTED}", PRIVATE
    ssh = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, plain)
    convert = "write it as PEM: ssh-keygen -p -m PEM -f FILE"
    yield ssh, f"is a PEM of the kind OPENSSH PRIVATE KEY{EXPECTED}", convert
    for found, kind in (("CERTIFICATE", f"is a PEM of the kind CERTIFICATE{EXPECTED}"), ("PRIVATE KEY", None)):
        yield f"-----BEGIN {found}-----\nSGVsbG8=\n-----END {found}-----".encode(), kind, GIVE
    for found in ("", "no base64 at all: äöü", "SGVsbG8="):
        yield found.encode(), None, GIVE


def test_key_that_cannot_sign_is_told_by_what_it_is_and_not_shown():
    for key, said, hint in other_keys():
        with pytest.raises(ConfigError) as caught:
            rapira.rsa_signature(key.decode(), b"x")
        assert caught.value.message == f"private_key {said or 'is no readable RSA key'}"
        assert caught.value.hint == hint
        assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_login_without_cryptography_names_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("cryptography"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match="needs a package more") as caught:
        rapira.rsa_signature("", b"x")
    assert caught.value.hint == "pip install cryptography (the extra rapira)"


def test_login_is_new_and_short_on_every_attempt(adapt, sample):
    keys = {"uid": "u", "private_key": sample("rapira/login")["private_key"]}
    adapter = adapt(RapiraAdapter, "http://127.0.0.1:1", credentials=keys)
    seen = set()
    for _ in range(2):
        request = Request("POST", "api.rapira.net", "/open/generate_jwt", "", 1767225600999)
        adapter.sign(request)
        token = json.loads(request.body)["jwt_token"]
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        assert request.headers == {"Content-Type": "application/json"}
        assert (set(claims), claims["exp"], len(claims["jti"])) == ({"exp", "jti"}, 1767227400, 24)
        seen.add(claims["jti"])
    assert len(seen) == 2


def test_check_of_a_good_key_needs_one_request(sandbox, adapt):
    adapter = adapt(RapiraAdapter, sandbox.url("RAPIRA"), credentials=sandbox.apis["RAPIRA"].keys)
    assert adapter.check_key() == KeyInfo()
    assert adapter.check_key() == KeyInfo()
    assert sandbox.requests("RAPIRA") == {LOGIN: 2}


def test_wrong_uid_wrong_key_and_wrong_clock_are_refused_alike(sandbox, adapt, sample):
    keys = sandbox.apis["RAPIRA"].keys
    wrong = ({"uid": "00000000-0000-4000-8000-000000000000"}, {"private_key": sample("rapira/login")["private_key"]})
    for changed in wrong:
        with pytest.raises(AuthFailed, match="Unauthorized"):
            adapt(RapiraAdapter, sandbox.url("RAPIRA"), credentials=keys | changed).check_key()
    assert sandbox.requests("RAPIRA") == {LOGIN: 2}
    sandbox.fault("RAPIRA=skew:7200000")
    with pytest.raises(AuthFailed, match="Unauthorized"):
        adapt(RapiraAdapter, sandbox.url("RAPIRA"), credentials=keys).check_key()


def test_login_without_a_token_or_with_403_is_refused(sandbox, adapt, monkeypatch):
    adapter = adapt(RapiraAdapter, sandbox.url("RAPIRA"), credentials=sandbox.apis["RAPIRA"].keys)
    sandbox.fault("RAPIRA=empty-object")
    with pytest.raises(AuthFailed, match="no token: uid, private_key or clock is wrong"):
        adapter.check_key()

    def forbidden(*_args, **_more):
        raise PermissionDenied("HTTP 403")

    monkeypatch.setattr(adapter, "ask", forbidden)
    with pytest.raises(AuthFailed, match=r"^the login is refused: HTTP 403$"):
        adapter.check_key()
