"""Certificates for 127.0.0.1, made anew: an authority, a server's, and a client's with its key encrypted."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from api.local.ports import HOST

KEY_PASSWORD = "of-the-key"
DAY = timedelta(days=1)

Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Certificates:
    """The files, in PEM."""

    authority: Path
    server: Path
    """Certificate and key in one, as mongod wants them."""
    client: Path
    client_key: Path
    """Encrypted with ``KEY_PASSWORD``."""
    client_both: Path
    """Certificate and encrypted key in one, as MongoDB's URI wants them."""


def certificates_in(folder: Path) -> Certificates:
    """Make them."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    name = _name("authority")
    basic = x509.BasicConstraints(ca=True, path_length=0)
    authority = _built(name, name, authority_key.public_key()).add_extension(basic, critical=True)
    made = Certificates(
        *(folder / file for file in ("ca.pem", "server.pem", "client.pem", "client.key", "client-both.pem"))
    )
    made.authority.write_bytes(_pem(authority.sign(authority_key, hashes.SHA256())))
    server_key = ec.generate_private_key(ec.SECP256R1())
    made.server.write_bytes(_issued("server", server_key, authority_key) + _key(server_key))
    client_key = ec.generate_private_key(ec.SECP256R1())
    made.client.write_bytes(_issued("client", client_key, authority_key))
    made.client_key.write_bytes(_key(client_key, KEY_PASSWORD))
    made.client_both.write_bytes(made.client.read_bytes() + made.client_key.read_bytes())
    return made


def _issued(common_name: str, key: Key, authority_key: Key) -> bytes:
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST)), x509.DNSName("localhost")])
    subject = _built(_name(common_name), _name("authority"), key.public_key())
    return _pem(subject.add_extension(here, critical=False).sign(authority_key, hashes.SHA256()))


def _built(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key(key: Key, password: str | None = None) -> bytes:
    encryption = (
        serialization.NoEncryption()
        if password is None
        else serialization.BestAvailableEncryption(password.encode())
    )
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
