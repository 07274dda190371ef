package import Broker
import Bytes
import Endorsements
package import Evidence
import Files
package import FoundationEssentials

/// Verification of evidence in files, for `kbs verify`.
package enum OfflineVerification {
    /// Longest report, certificate or bundle of certificates, in bytes.
    private static let longest = 16 << 20

    /// Verifies a report.
    ///
    /// - Parameters:
    ///   - report: 1,184 bytes, or their hex digits.
    ///   - certificates: files with keys and authorities, PEM or DER.
    ///   - folders: folders with more certificates.
    /// - Throws: ``MalformedInput`` or an I/O error for an unusable input.
    package static func snp(
        report file: URL, certificates: [URL], folders: [URL], _ exchange: Exchange,
        expecting expectations: Expectations, anchors: Anchors
    ) async throws -> (report: AttestationReport, verdict: Verdict) {
        let contents = try File.read(file.filePath, atMost: longest)
        let text = String(decoding: contents, as: UTF8.self)
        let report = try AttestationReport(bytes: Hex.decode(text.trimmed) ?? contents)
        // Reports of version 2 do not state the product; Milan's and Genoa's TCBs have the same form.
        guard expectations.server.minimumTCB.isEmpty || expectations.server.minimumTCB[report.product ?? .milan] != nil
        else {
            throw MalformedInput("minimum TCB", "it does not have as many numbers as the report's product")
        }
        var pool: [Certificate] = []
        for file in certificates {
            let bytes = try File.read(file.filePath, atMost: longest)
            do { pool += try Certificate.read(file: bytes) } catch {
                throw MalformedInput(file.filePath, error.reason)
            }
        }
        for folder in folders {
            _ = try Folder.names(in: folder.filePath)
            pool += EndorsementFolder(folder).contents.certificates
        }
        let result = try await Appraiser(anchors: anchors, source: NoEndorsements())
            .appraise(
                SNPEvidence(report, certificates: pool), exchange, expecting: expectations, evenIfHopeless: true)
        return (report, result.verdict)
    }

    /// Verifies a platform's certificates.
    ///
    /// - Parameter chain: certificate files (also of `sevctl export --full`) and folders of them.
    /// - Throws: ``MalformedInput`` or an I/O error for an unusable input.
    package static func sev(chain: [URL], anchors: SEVAnchors) throws -> Verdict {
        var parts = SEVChainParts()
        for path in chain.map(\.filePath) {
            let files =
                Folder.exists(path)
                ? try Folder.names(in: path).filter { $0.hasSuffix(".cert") }.map { "\(path)/\($0)" } : [path]
            for file in files {
                let name = String(file.split(separator: "/").last ?? "")
                try parts.read(try File.read(file, atMost: longest), named: name)
            }
        }
        return SEVVerifier.verify(AppraisedSEVChain(try parts.chain(), anchors: anchors))
    }
}

/// A chain's certificates, by the usage that they state.
private struct SEVChainParts {
    private var authorities: [SEVUsage: SEVCACertificate] = [:]
    private var platform: [SEVUsage: SEVCertificate] = [:]

    /// Reads one certificate, or the platform's four followed by AMD's two.
    mutating func read(_ bytes: [UInt8], named name: String) throws {
        let four = 4 * SEVCertificate.size
        if bytes.count > four {
            for start in stride(from: 0, to: four, by: SEVCertificate.size) {
                try add(SEVCertificate(bytes: Array(bytes[start..<start + SEVCertificate.size])))
            }
            let rest = bytes[four...]
            try add(SEVCACertificate(bytes: Array(rest.prefix(rest.count / 2))))
            try add(SEVCACertificate(bytes: Array(rest.suffix(rest.count - rest.count / 2))))
        } else if bytes.count == SEVCertificate.size {
            try add(SEVCertificate(bytes: bytes))
        } else {
            do {
                try add(SEVCACertificate(bytes: bytes))
            } catch {
                throw MalformedInput(name, error.reason)
            }
        }
    }

    private mutating func add(_ certificate: SEVCertificate) { platform[certificate.usage] = certificate }
    private mutating func add(_ certificate: SEVCACertificate) { authorities[certificate.usage] = certificate }

    func chain() throws -> SEVCertificateChain {
        func authority(_ usage: SEVUsage) throws -> SEVCACertificate {
            guard let found = authorities[usage] else { throw missing(usage) }
            return found
        }
        func part(_ usage: SEVUsage) throws -> SEVCertificate {
            guard let found = platform[usage] else { throw missing(usage) }
            return found
        }
        return SEVCertificateChain(
            ark: try authority(.ark), ask: try authority(.ask), cek: try part(.cek), oca: try part(.oca),
            pek: try part(.pek), pdh: try part(.pdh))
    }

    private func missing(_ usage: SEVUsage) -> MalformedInput {
        MalformedInput("SEV certificate chain", "the \(usage) is missing: give the folder or file that holds it too")
    }
}
