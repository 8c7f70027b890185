import Foundation
import Testing

/// A certificate authority of a test, made with the openssl command.
struct Authority {
  /// A certificate in PEM files of its own.
  struct Certificate {
    let certificate: String
    let key: String

    /// As it stands in `certificates`.
    var json: String { #"{ "certificate": "\#(certificate)", "key": "\#(key)" }"# }
  }

  enum Kind {
    case ecdsa, rsa

    fileprivate var arguments: [String] {
      switch self {
      case .ecdsa: ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
      case .rsa: ["-newkey", "rsa:2048"]
      }
    }
  }

  let folder: URL
  /// Its own certificate.
  let certificate: String
  private let key: String

  init(_ name: String, in folder: URL) throws {
    self.folder = folder
    certificate = "\(folder.path)/\(name).pem"
    key = "\(folder.path)/\(name).key"
    try Self.openssl(
      ["req", "-x509", "-nodes", "-days", "3650", "-subj", "/CN=\(name)", "-keyout", key, "-out", certificate]
        + Kind.ecdsa.arguments)
  }

  /// Signs a certificate.
  /// - Parameters:
  ///   - file: its files' name, without an extension.
  ///   - names: as subjectAltName has them, such as `DNS:a.example`.
  ///   - days: until it expires; negative: it has expired so long ago.
  ///   - hasChain: this authority's certificate stands behind it in its file.
  @discardableResult
  func issue(
    _ file: String, _ names: [String], kind: Kind = .ecdsa, days: Int = 90, passphrase: String? = nil,
    hasChain: Bool = false
  ) throws -> Certificate {
    let base = file.hasPrefix("/") ? file : "\(folder.path)/\(file)"
    let common = names.first.map { $0.split(separator: ":", maxSplits: 1)[1] } ?? "nobody"
    let encryption = passphrase.map { ["-passout", "pass:\($0)"] } ?? ["-nodes"]
    try Self.openssl(
      ["req", "-subj", "/CN=\(common)", "-keyout", "\(base).key", "-out", "\(base).csr"] + encryption + kind.arguments)
    try names.isEmpty
      ? "".write(toFile: "\(base).ext", atomically: true, encoding: .utf8)
      : "subjectAltName=\(names.joined(separator: ","))".write(
        toFile: "\(base).ext", atomically: true, encoding: .utf8)
    if days < 0 {
      try signWithDates(base, from: days - 30, to: days)
    } else {
      try Self.openssl([
        "x509", "-req", "-in", "\(base).csr", "-CA", certificate, "-CAkey", key, "-CAcreateserial", "-days", "\(days)",
        "-extfile", "\(base).ext", "-out", "\(base).pem.new",
      ])
    }
    if hasChain {
      let chain = try text("\(base).pem.new") + text(certificate)
      try chain.write(toFile: "\(base).pem.new", atomically: true, encoding: .utf8)
    }
    _ = rename("\(base).pem.new", "\(base).pem")
    chmod("\(base).key", 0o600)
    return Certificate(certificate: "\(base).pem", key: "\(base).key")
  }

  /// Only `openssl ca` makes a certificate that has expired already.
  private func signWithDates(_ base: String, from: Int, to: Int) throws {
    try """
    [ca]
    default_ca=d
    [d]
    new_certs_dir=\(folder.path)
    database=\(base).database
    rand_serial=yes
    default_md=sha256
    policy=p
    [p]
    commonName=supplied
    """.write(toFile: "\(base).cnf", atomically: true, encoding: .utf8)
    try "".write(toFile: "\(base).database", atomically: true, encoding: .utf8)
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.timeZone = TimeZone(identifier: "UTC")
    format.dateFormat = "yyyyMMddHHmmss'Z'"
    func date(_ days: Int) -> String { format.string(from: Date(timeIntervalSinceNow: Double(days) * 86_400)) }
    try Self.openssl([
      "ca", "-batch", "-notext", "-config", "\(base).cnf", "-in", "\(base).csr", "-out", "\(base).pem.new", "-cert",
      certificate, "-keyfile", key, "-startdate", date(from), "-enddate", date(to), "-extfile", "\(base).ext",
    ])
  }

  /// An OCSP response beside a certificate that has its chain.
  func staple(_ certificate: Certificate) throws {
    let base = String(certificate.certificate.dropLast(4))
    let serial = try Self.openssl(["x509", "-in", certificate.certificate, "-noout", "-serial"]).dropFirst(7)
    try "V\t360101000000Z\t\t\(serial)\tunknown\t/CN=x\n".write(
      toFile: "\(base).index", atomically: true, encoding: .utf8)
    try Self.openssl([
      "ocsp", "-index", "\(base).index", "-rsigner", self.certificate, "-rkey", key, "-CA", self.certificate, "-issuer",
      self.certificate, "-cert", certificate.certificate, "-respout", "\(base).ocsp", "-ndays", "7",
    ])
  }

  private func text(_ file: String) throws -> String { try String(contentsOfFile: file, encoding: .utf8) }

  @discardableResult
  static func openssl(_ arguments: [String]) throws -> String {
    let result = try ChildProcess.run(["openssl"] + arguments)
    guard result.exit == .status(0) else { throw Failure("openssl \(arguments): \(result.errors)") }
    return result.output
  }
}
