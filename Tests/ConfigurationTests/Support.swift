import Configuration

/// Reads a text as if it were /etc/balancer/balancer.json.
func read(_ text: String, environment: [String: String] = [:]) throws(ConfigurationErrors) -> Configuration {
  try Configuration.read(Array(text.utf8), file: "balancer.json", folder: "/etc/balancer") { environment[$0] }
}

/// The errors of a text, as they are printed.
func errors(_ text: String, environment: [String: String] = [:]) -> [String] {
  do {
    _ = try read(text, environment: environment)
    return []
  } catch {
    return error.errors.map(\.description)
  }
}
