"""Does with libraries that are not ours what a guest or a relying party does: one JSON request on standard input, one
JSON answer on standard output. scripts/make-jose-environment installs what it imports."""

import base64
import json
import struct
import sys


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def padded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def joserfc_decrypt(request):
    from joserfc import jwe, jwk

    key = jwk.import_key(request["key"])
    algorithms = ["ECDH-ES+A256KW", "RSA-OAEP-256", "RSA1_5", "A256GCM"]
    # RFC 7516, section 4: a header parameter that is not understood is ignored (`resource` of a broker's answers).
    registry = jwe.JWERegistry(algorithms=algorithms, strict_check_header=False)
    plain = jwe.decrypt_json(request["message"], key, registry=registry).plaintext
    return {"plaintext": plain.hex()}


def joserfc_encrypt(request):
    from joserfc import jwe, jwk

    algorithm = request["alg"]
    registry = jwe.JWERegistry(algorithms=[algorithm, "A256GCM"])
    protected = {"alg": algorithm, "enc": "A256GCM"}
    key = jwk.import_key(request["key"])
    return {"message": jwe.encrypt_compact(protected, request["plaintext"].encode(), key, registry=registry)}


def kmac256(key, message, size, customization=b""):
    from Crypto.Hash import KMAC256

    return KMAC256.new(key=key, data=message, mac_len=size, custom=customization).digest()


def mlkem_decrypt(request):
    """draft-ietf-jose-pqc-kem, key agreement with key wrapping; the private key is the 64-byte seed."""
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

    message = request["message"]
    header = json.loads(unpadded(message["protected"]))
    if (header["alg"], header["enc"]) != ("ML-KEM-768+A192KW", "A256GCM"):
        raise ValueError("another algorithm")
    private = MLKEM768PrivateKey.from_seed_bytes(bytes.fromhex(request["seed"]))
    shared = private.decapsulate(unpadded(header["ek"]))
    name = header["alg"].encode()
    context = struct.pack(">I", len(name)) + name + struct.pack(">I", 192)
    content_key = aes_key_unwrap(kmac256(shared, context, 24), unpadded(message["encrypted_key"]))
    sealed = unpadded(message["ciphertext"]) + unpadded(message["tag"])
    plain = AESGCM(content_key).decrypt(unpadded(message["iv"]), sealed, message["protected"].encode())
    return {"plaintext": plain.hex()}


def mlkem_generate(request):
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey

    private = MLKEM768PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    return {"seed": private.private_bytes_raw().hex(), "pub": padded(public)}


def generate(request):
    from joserfc import jwk

    kind, parameter = request["kty"], request["parameter"]
    key = jwk.generate_key(kind, parameter if kind == "EC" else int(parameter), private=True)
    return {"private": key.as_dict(private=True), "public": key.as_dict(private=False)}


def mac(request):
    parts = [bytes.fromhex(request[name]) for name in ("key", "data")]
    return {"mac": kmac256(*parts, request["size"], bytes.fromhex(request["customization"])).hex()}


def verify_token(request):
    """With PyJWT and with joserfc: both must accept, and say the same."""
    import jwt
    from joserfc import jwk, jws
    from joserfc import jwt as other

    token, keys = request["token"], request["keys"]
    kid = jwt.get_unverified_header(token)["kid"]
    key = next(key for key in jwt.PyJWKSet.from_dict(keys).keys if key.key_id == kid)
    claims = jwt.decode(token, key.key, algorithms=["ES256"], issuer=request["issuer"], options={"require": ["exp", "iat"]})
    registry = jws.JWSRegistry(algorithms=["ES256"])
    registry.max_header_length = 8192  # Usually 512, and a chain of certificates is longer.
    if other.decode(token, jwk.KeySet.import_key_set(keys), registry=registry).claims != claims:
        raise ValueError("two libraries read two things")
    return {"claims": claims, "header": jwt.get_unverified_header(token)}


def forge(request):
    """A token with the claims of another, signed with a key of the forger's own, which the header brings along."""
    import jwt
    from joserfc import jwk

    key = jwk.generate_key("EC", "P-256", private=True)
    claims = jwt.decode(request["token"], options={"verify_signature": False})
    headers = {"jwk": key.as_dict(private=False)}
    if request["kid"]:
        headers["kid"] = jwt.get_unverified_header(request["token"])["kid"]
    signed = jwt.encode(claims, key.as_pem(private=True), algorithm="ES256", headers=headers)
    unsigned = jwt.encode(claims, None, algorithm="none", headers=headers)
    return {"signed": signed, "unsigned": unsigned}


def issue(request):
    """A token of another verifier, as Trustee makes them: no kid, and the key in the header."""
    import time

    import jwt
    from joserfc import jwk

    key = jwk.generate_key("EC", "P-256", private=True)
    now = int(time.time())
    claims = {"iat": now} | request["claims"] | {"exp": now + request["lifetime"]}
    token = jwt.encode(claims, key.as_pem(private=True), algorithm="ES256", headers={"jwk": key.as_dict(private=False)})
    return {"token": token, "keys": {"keys": [key.as_dict(private=False) | {"alg": "ES256"}]}}


def toml(request):
    """What the standard library's reader makes of each document; null when it refuses it."""
    import tomllib

    def read(text):
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            return None

    return {"documents": [read(text) for text in request["documents"]]}


def boot(request):
    """All that a guest without hardware does, with a key of the kind that is asked for: attests, and fetches a resource
    with its cookie and with its token."""
    import hashlib
    import urllib.request

    base, kind = request["base"] + "/kbs/v0", request["kind"]
    if kind == "ML-KEM-768+A192KW":
        pair = mlkem_generate({})
        public = {"kty": "AKP", "alg": kind, "pub": pair["pub"]}
    else:
        kty, parameter, algorithm = {
            "P-256": ("EC", "P-256", "ECDH-ES+A256KW"),
            "P-521": ("EC", "P-521", "ECDH-ES+A256KW"),
            "RSA": ("RSA", "3072", "RSA-OAEP-256"),
        }[kind]
        pair = generate({"kty": kty, "parameter": parameter})
        names = ("kty", "crv", "x", "y", "n", "e")
        public = {name: pair["public"][name] for name in names if name in pair["public"]} | {"alg": algorithm}

    def call(path, body=None, **headers):
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(base + path, data, {"Content-Type": "application/json", **headers})
        with urllib.request.urlopen(asked, timeout=60) as reply:
            return json.load(reply), reply.headers

    challenge, headers = call("/auth", {"version": "0.4.0", "tee": "sample", "extra-params": ""})
    cookie = headers["Set-Cookie"].split(";")[0]
    bound = {"tee-pubkey": public, "nonce": challenge["nonce"], "additional-evidence": ""}
    digest = hashlib.sha384(json.dumps(bound, sort_keys=True, separators=(",", ":")).encode()).digest()
    evidence = {"svn": "1", "report_data": base64.b64encode(digest).decode()}
    answer = {
        "init-data": None,
        "runtime-data": {"nonce": challenge["nonce"], "tee-pubkey": public},
        "tee-evidence": {"primary_evidence": evidence, "additional_evidence": ""},
    }
    token = call("/attest", answer, Cookie=cookie)[0]["token"]
    plain = []
    for proof in ({"Cookie": cookie}, {"Authorization": "Bearer " + token}):
        message = call("/resource/" + request["path"], **proof)[0]
        if kind == "ML-KEM-768+A192KW":
            plain.append(mlkem_decrypt({"message": message, "seed": pair["seed"]})["plaintext"])
        else:
            plain.append(joserfc_decrypt({"message": message, "key": pair["private"]})["plaintext"])
    return {"plaintexts": plain}


def otlp(request):
    """What OpenTelemetry's own reader makes of spans in OTLP's JSON. It throws for members that it does not know."""
    from google.protobuf.json_format import MessageToDict, ParseDict
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    def spans(message):
        return [s for r in message["resourceSpans"] for c in r["scopeSpans"] for s in c["spans"]]

    def convert(message, function):
        for span in spans(message):
            for name in ("traceId", "spanId", "parentSpanId"):
                if name in span:
                    span[name] = function(span[name])
        return message

    # OTLP has ids in hex where protobuf's JSON has them in base64.
    body = convert(json.loads(request["body"]), lambda text: base64.b64encode(bytes.fromhex(text)).decode())
    read = MessageToDict(ParseDict(body, ExportTraceServiceRequest()))
    return convert(read, lambda text: base64.b64decode(text).hex())


COMMANDS = {
    f.__name__: f
    for f in (
        joserfc_decrypt, joserfc_encrypt, mlkem_decrypt, mlkem_generate, generate, mac, verify_token, boot, forge, issue,
        toml, otlp,
    )
}

if __name__ == "__main__":
    asked = json.load(sys.stdin)
    json.dump(COMMANDS[asked["command"]](asked), sys.stdout)
