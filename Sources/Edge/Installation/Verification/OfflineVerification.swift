package import Broker
import Bytes
import Endorsements
package import Evidence
import Files
package import FoundationEssentials

/// Looks at evidence in files, without a server: what `kbs verify` does.
package enum OfflineVerification {
    /// No report, certificate or bundle of them is longer, in bytes.
    private static let longest = 16 << 20

    /// Verifies a report.
    ///
    /// - Parameters:
    ///   - report: 1,184 bytes, or as many hex digits twice over.
    ///   - certificates: files with keys and authorities, PEM or DER.
    ///   - folders: searched for more of them.
    /// - Throws: ``MalformedInput`` or an I/O error when an input cannot be used.
    package static func snp(
        report file: URL, certificates: [URL], folders: [URL], _ exchange: Exchange,
        expecting expectations: Expectations, anchors: Anchors
    ) async throws -> (report: AttestationReport, verdict: Verdict) {
        let contents = try File.read(file.filePath, atMost: longest)
        let text = String(decoding: contents, as: UTF8.self)
        let report = try AttestationReport(bytes: Hex.decode(text.trimmed) ?? contents)
        // Version 2 names no product; those that made it have TCBs of one form.
        guard expectations.server.minimumTCB.isEmpty || expectations.server.minimumTCB[report.product ?? .milan] != nil
        else {
            throw MalformedInput("minimum TCB", "it does not have as many numbers as the report's product")
        }
        var pool: [Certificate] = []
        for file in certificates {
            pool += try Certificate.read(file: try File.read(file.filePath, atMost: longest))
        }
        for folder in folders { pool += EndorsementFolder(folder).contents.certificates }
        let result = try await Appraiser(anchors: anchors, source: NoEndorsements())
            .appraise(
                SNPEvidence(report, certificates: pool), exchange, expecting: expectations, evenIfHopeless: true)
        return (report, result.verdict)
    }

    /// Verifies a platform's certificates.
    ///
    /// - Parameter places: certificate files (what `sevctl export --full` writes too) and folders of them.
    /// - Throws: ``MalformedInput`` or an I/O error when an input cannot be used.
    package static func sev(chain places: [URL], anchors: SEVAnchors) throws -> Verdict {
        var parts = SEVChainParts()
        for place in places {
            let path = place.filePath
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

/// A chain's certificates, found by what they say they are.
private struct SEVChainParts {
    private var authorities: [SEVUsage: SEVCACertificate] = [:]
    private var platform: [SEVUsage: SEVCertificate] = [:]

    /// One certificate, or the four of the platform and then the two of AMD.
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
