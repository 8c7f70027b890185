import Base
import COpenSSL

extension WallTime {
  init(secondsSinceEpoch seconds: Int64) {
    let (nanoseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    self.init(nanosecondsSinceEpoch: overflow ? (seconds < 0 ? .min : .max) : nanoseconds)
  }

  /// A time in a certificate; the ends of the clock for one that it does not reach.
  init?(asn1 time: UnsafePointer<ASN1_TIME>) {
    var days: Int32 = 0
    var seconds: Int32 = 0
    guard let epoch = ASN1_TIME_set(nil, 0) else { return nil }
    defer { ASN1_STRING_free(epoch) }
    guard ASN1_TIME_diff(&days, &seconds, epoch, time) == 1 else { return nil }
    self.init(secondsSinceEpoch: Int64(days) * 86_400 + Int64(seconds))
  }

  /// `2026-11-01`
  var day: String { String(description.prefix(10)) }
}
