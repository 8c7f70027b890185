/// What a check of the type http asks, and what it takes for an answer.
public struct HTTPHealthConfiguration: Equatable, Sendable {
  public var method = "GET"
  /// With its query.
  public var path = "/"
  /// nil is the backend's address.
  public var host: String?
  public var headers: [Entry<String>] = []
  public var status: [ClosedRange<Int>] = [200...399]
  /// A text that the content has to hold.
  public var body: String?

  public init() {}

  static let shape = Shape<Self>.object(
    Self(), definition: "httpHealth",
    [
      Field("method", \.method, .method, "The method. HEAD goes without a body to look at."),
      Field("path", \.path, .pathAndQuery, "What is asked for, with its query."),
      Field("host", \.host, .optional(.authority), "The Host. Default: the backend's address."),
      Field("headers", \.headers, .fields, "Further fields."),
      Field(
        "status", \.status, .statuses,
        "The statuses that are a pass, such as \"200-399\", \"204\" or \"200-299,401\". Redirects are not followed."),
      Field(
        "body", \.body, .optional(.someText(longest: 1024)),
        "The content has to hold this text, within its first 16 KiB."),
    ]
  ).checking { http, json, reading in
    guard http.method == "HEAD", http.body != nil, let body = json["body"] else { return }
    reading.fail(
      at: body.location, path: "\(reading.path).body", "the answer to HEAD has no content: leave one of them out")
  }.sparse(Self())
}

extension Shape where Value == [ClosedRange<Int>] {
  /// `"200-399"`, `"204"`, `"200-299,401"`, or the number of one status.
  fileprivate static var statuses: Shape {
    let range = "[1-5][0-9]{2}(-[1-5][0-9]{2})?"
    return .scalar(
      "a range of statuses such as \"200-399\"",
      [
        "anyOf": [
          ["type": "integer", "minimum": 100, "maximum": 599],
          ["type": "string", "pattern": .string("^\(range)(, ?\(range)){0,31}$")],
        ]
      ],
      read: { scalar, _ throws(Mistake) in
        guard let text = scalar.text ?? scalar.number else { throw .unexpected() }
        if scalar.text == nil {
          let status = try scalar.integer(in: 100...599)
          return [status...status]
        }
        var ranges: [ClosedRange<Int>] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
          let bounds = part.drop { $0 == " " }.split(separator: "-", omittingEmptySubsequences: false)
          let numbers = bounds.compactMap { $0.utf8.count == 3 ? UInt($0).map { Int($0) } : nil }
          guard (1...2).contains(bounds.count), numbers.count == bounds.count,
            numbers.allSatisfy({ (100...599).contains($0) }), ranges.count < 32,
            part.prefix(while: { $0 == " " }).count <= (ranges.isEmpty ? 0 : 1)
          else { throw .unexpected() }
          guard numbers[0] <= numbers[numbers.count - 1] else { throw .described("has a range that goes backwards") }
          ranges.append(numbers[0]...numbers[numbers.count - 1])
        }
        return ranges
      },
      write: { ranges in .string(ranges.written) })
  }
}

extension [ClosedRange<Int>] {
  /// As balancer.json has statuses: `200-299,401`.
  public var written: String {
    map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ",")
  }
}
