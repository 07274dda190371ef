import Crypto
import Evidence
import FoundationEssentials

/// Simulated hardware in a file, so that a server can be given its roots before guests boot on it.
///
/// The file holds the private keys: its holder can forge any evidence under its roots.
public struct SavedPlatforms: Codable, Sendable {
    private struct SNP: Codable {
        var product: Product
        var ark, ask, asvk: [UInt8]
        var chipID: [UInt8]
        var askKey, asvkKey: Data
    }

    private struct SEV: Codable {
        var ark, ask, cek, oca, pek, pdh: [UInt8]
        var pdhKey: Data
    }

    private var snp: SNP
    private var sev: SEV

    public init(snp: SimulatedSNPPlatform, sev: SimulatedSEVPlatform) {
        self.snp = SNP(
            product: snp.product, ark: snp.ark.der, ask: snp.ask.der, asvk: snp.asvk.der, chipID: snp.chipID,
            askKey: Data(snp.askKey.derRepresentation), asvkKey: Data(snp.asvkKey.derRepresentation))
        let chain = sev.chain
        self.sev = SEV(
            ark: chain.ark.bytes, ask: chain.ask.bytes, cek: chain.cek.bytes, oca: chain.oca.bytes,
            pek: chain.pek.bytes, pdh: chain.pdh.bytes, pdhKey: Data(sev.pdhKey.rawRepresentation))
    }

    public func restoreSNP() throws -> SimulatedSNPPlatform {
        SimulatedSNPPlatform(
            product: snp.product, ark: try Certificate(der: snp.ark), ask: try Certificate(der: snp.ask),
            asvk: try Certificate(der: snp.asvk), chipID: snp.chipID,
            askKey: try RSA.Signing.PrivateKey(derRepresentation: snp.askKey),
            asvkKey: try RSA.Signing.PrivateKey(derRepresentation: snp.asvkKey))
    }

    public func restoreSEV() throws -> SimulatedSEVPlatform {
        let chain = SEVCertificateChain(
            ark: try SEVCACertificate(bytes: sev.ark), ask: try SEVCACertificate(bytes: sev.ask),
            cek: try SEVCertificate(bytes: sev.cek), oca: try SEVCertificate(bytes: sev.oca),
            pek: try SEVCertificate(bytes: sev.pek), pdh: try SEVCertificate(bytes: sev.pdh))
        return SimulatedSEVPlatform(
            chain: chain, pdhKey: try P384.KeyAgreement.PrivateKey(rawRepresentation: sev.pdhKey))
    }
}
