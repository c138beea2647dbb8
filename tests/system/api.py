# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Passlock API by https, with a host name and a private CA."""

import datetime
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.harness import Sandbox, Workspace

HOST_NAME = "api.passlock.test"  # in /etc/hosts
DNS_NAME = "api.passlock-dns.test"  # in no file
CA_DIR = Path("/etc/passlock")


class TlsApi(Sandbox):
    """passlock-sandbox at https://api.passlock.test:PORT, with a self-signed certificate."""

    host_name = HOST_NAME

    def __init__(self, work: Workspace, tenancy_id: str = "sandboxTenancy"):
        key, certificate = work / f"{tenancy_id}.key", work / f"{tenancy_id}.crt"
        make_certificate(key, certificate)
        super().__init__(work, tenancy_id,
                         (f"--tls-cert={certificate}", f"--tls-key={key}"))
        self.certificate = certificate
        self.tls = ssl.create_default_context(cafile=str(certificate))

    def wait_ready(self):
        super().wait_ready()
        self.endpoint = self.endpoint.replace("127.0.0.1", HOST_NAME)

    def command(self):
        return [word.replace(HOST_NAME, "127.0.0.1") for word in super().command()]

    def tenancy(self, credential: str = "passlock.default") -> dict[str, str]:
        ca_file = CA_DIR / self.certificate.name
        ca_file.write_bytes(self.certificate.read_bytes())
        return super().tenancy(credential) | {"CaFile": str(ca_file), "TimeoutSec": "30"}


def give_name():
    """Adds the host name to /etc/hosts."""
    hosts = Path("/etc/hosts")
    if HOST_NAME not in hosts.read_text():
        with hosts.open("a") as file:
            file.write(f"127.0.0.1 {HOST_NAME}\n")


def make_certificate(key_file: Path, certificate_file: Path, days: int = 1):
    """Creates a certificate that is valid for `days`, or, if negative, has expired that long ago."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST_NAME)])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=2))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST_NAME),
                                                    x509.DNSName(DNS_NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256()))
    key_file.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
