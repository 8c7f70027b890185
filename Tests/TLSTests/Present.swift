/// `#require` for what cannot be copied.
func present<Value: ~Copyable>(_ value: consuming Value?) throws -> Value {
  guard let value else { throw Missing() }
  return value
}

struct Missing: Error {}
