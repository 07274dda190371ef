import Glibc

/// Secrets that an operator passes in the environment.
enum EnvironmentVariable {
    /// Reads a variable and removes it: from the environment that children would inherit, and from `/proc/PID/environ`.
    static func take(_ name: String) -> [UInt8]? {
        guard let value = getenv(name) else { return nil }
        let length = strlen(value)
        let bytes = Array(UnsafeRawBufferPointer(start: value, count: length))
        explicit_bzero(value, length)
        unsetenv(name)
        return bytes.isEmpty ? nil : bytes
    }
}
