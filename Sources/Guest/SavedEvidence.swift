import Evidence
import Foundation

extension GuestEvidence {
    /// Writes the report as it is, 1,184 bytes, and the certificates as PEM, for `kbs verify snp`.
    ///
    /// - Throws: ``GuestFailure`` of kind `undelivered`.
    public func save(report path: String, certificates: String?) throws {
        do {
            try Data(report.bytes).write(to: URL(filePath: path))
            if let certificates {
                try Data(self.certificates.map(\.pem).joined().utf8).write(to: URL(filePath: certificates))
            }
        } catch {
            throw GuestFailure(.undelivered, "The evidence could not be written: \(error.localizedDescription)")
        }
    }

    /// 64 bytes from hex.
    public static func reportData(_ digits: String) throws -> [UInt8] {
        guard let bytes = Hex.decode(digits), bytes.count == 64 else {
            throw GuestFailure(.unusable, "--report-data must have 128 hex digits: 64 bytes for the report to carry.")
        }
        return bytes
    }
}
