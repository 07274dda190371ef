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
    registry = jwe.JWERegistry(algorithms=algorithms)
    plain = jwe.decrypt_json(request["message"], key, registry=registry).plaintext
    return {"plaintext": plain.hex()}


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
    from joserfc import jwk
    from joserfc import jwt as other

    token, keys = request["token"], request["keys"]
    kid = jwt.get_unverified_header(token)["kid"]
    key = next(key for key in jwt.PyJWKSet.from_dict(keys).keys if key.key_id == kid)
    claims = jwt.decode(token, key.key, algorithms=["ES256"], issuer=request["issuer"], options={"require": ["exp", "iat"]})
    if other.decode(token, jwk.KeySet.import_key_set(keys), algorithms=["ES256"]).claims != claims:
        raise ValueError("two libraries read two things")
    return {"claims": claims, "header": jwt.get_unverified_header(token)}


COMMANDS = {f.__name__: f for f in (joserfc_decrypt, mlkem_decrypt, mlkem_generate, generate, mac, verify_token)}

if __name__ == "__main__":
    asked = json.load(sys.stdin)
    json.dump(COMMANDS[asked["command"]](asked), sys.stdout)
