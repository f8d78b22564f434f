"""Certificate authorities of one test's own, by the openssl program."""

import dataclasses
import datetime
import pathlib
import subprocess

from .tools import need


@dataclasses.dataclass(frozen=True)
class Pair:
    certificate_file: pathlib.Path
    private_key_file: pathlib.Path

    def copy_to(self, other: "Pair") -> None:
        """As a renewal does: the certificate first, then the key."""
        other.certificate_file.write_bytes(self.certificate_file.read_bytes())
        other.private_key_file.write_bytes(self.private_key_file.read_bytes())


def _openssl(*arguments: str) -> None:
    done = subprocess.run([need("openssl", "package openssl"), *arguments], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stderr


class Authority:
    def __init__(self, directory: pathlib.Path):
        directory.mkdir(parents=True)
        self._directory = directory
        self._key = directory / "ca.key"
        self.file = directory / "ca.pem"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-keyout", str(self._key), "-out", str(self.file), "-days", "2",
                 "-subj", f"/CN=Authority {directory.name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, name: str, *, subject: str = "/O=Test", san: list[str] = (),
              expired: bool = False) -> Pair:
        """san: as openssl writes it, `DNS:…`, `URI:…`."""
        pair = Pair(self._directory / f"{name}.pem", self._directory / f"{name}.key")
        request = self._directory / f"{name}.csr"
        _openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-keyout", str(pair.private_key_file), "-out", str(request), "-subj", subject)
        extensions = self._directory / f"{name}.ext"
        lines = ["basicConstraints=CA:FALSE", "subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid"]
        if san:
            lines.append("subjectAltName=@names")
        lines.append("[names]")
        for i, entry in enumerate(san):
            kind, _, value = entry.partition(":")
            lines.append(f"{kind}.{i + 1}={value}")
        extensions.write_text("\n".join(lines) + "\n")
        _openssl("x509", "-req", "-in", str(request), "-CA", str(self.file), "-CAkey",
                 str(self._key), "-set_serial", str(abs(hash(name)) + 1), "-days", "1",
                 "-extfile", str(extensions), "-out", str(pair.certificate_file))
        if expired:
            now = datetime.datetime.now(datetime.timezone.utc)
            self._sign_anew(name, now - datetime.timedelta(days=2), now - datetime.timedelta(days=1))
        return pair

    def issue_briefly(self, name: str, seconds: float, *, san: list[str] = ()) -> Pair:
        """One whose end is near."""
        pair = self.issue(name, san=san)
        now = datetime.datetime.now(datetime.timezone.utc)
        self._sign_anew(name, now - datetime.timedelta(minutes=1), now + datetime.timedelta(seconds=seconds))
        return pair

    def _sign_anew(self, name: str, start: datetime.datetime, end: datetime.datetime) -> None:
        """`x509` counts in whole days from now on; `ca` does not, and wants to keep books."""
        books = self._directory / f"{name}.books"
        books.mkdir()
        (books / "index").touch()
        (books / "config").write_text(
            f"[ca]\ndefault_ca=own\n[own]\ndatabase={books}/index\nnew_certs_dir={books}\n"
            f"certificate={self.file}\nprivate_key={self._key}\nrand_serial=yes\ndefault_md=sha256\n"
            "policy=any\nunique_subject=no\n[any]\norganizationName=optional\ncommonName=optional\n")
        _openssl("ca", "-batch", "-notext", "-config", str(books / "config"), "-in", str(self._directory / f"{name}.csr"),
                 "-extfile", str(self._directory / f"{name}.ext"), "-startdate", start.strftime("%Y%m%d%H%M%SZ"),
                 "-enddate", end.strftime("%Y%m%d%H%M%SZ"), "-out", str(self._directory / f"{name}.pem"))

    def issue_server(self, name: str = "server") -> Pair:
        return self.issue(name, san=["DNS:localhost", "IP:127.0.0.1", f"DNS:{name}.example.org"])
