import Bytes
import Evidence
import Files

extension GuestEvidence {
    /// Writes the report as it is, 1,184 bytes, and the certificates as PEM, for `kbs verify snp`.
    ///
    /// - Parameters:
    ///   - certificates: the file for them; it is not written if the host gives none.
    ///   - tell: called with a sentence then.
    /// - Throws: ``GuestFailure`` of kind `undelivered`.
    public func save(report path: String, certificates: String?, tell: (String) -> Void) throws {
        do {
            try Self.write(report.bytes, to: path)
            guard let certificates else { return }
            guard !self.certificates.isEmpty else {
                return tell("The host gives no certificates: \(certificates) is not written.")
            }
            try Self.write(Array(self.certificates.map(\.pem).joined().utf8), to: certificates)
        } catch {
            throw GuestFailure(.undelivered, "The evidence could not be written: \(error).")
        }
    }

    /// Overwrites in place: the path may be a device.
    private static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
        let file = try OpenFile(path, .overwrite(mode: 0o644))
        try file.write(bytes)
        try file.close()
    }

    /// Parses report data, 64 bytes in hex.
    public static func reportData(_ digits: String) throws -> [UInt8] {
        guard let bytes = Hex.decode(digits), bytes.count == 64 else {
            throw GuestFailure(.unusable, "--report-data must have 128 hex digits: 64 bytes for the report to carry.")
        }
        return bytes
    }
}
