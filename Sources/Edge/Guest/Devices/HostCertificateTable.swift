import Bytes
import Evidence

/// The certificates that a host gives its SNP guests beside the report.
///
/// Entries of 24 bytes, each a GUID, an offset from the table's start and a length (both u32, little-endian), up to an
/// entry of zeros; then the certificates, DER or PEM. Source: AMD 56421 (GHCB specification), "SNP Extended Guest
/// Request", table of GUIDs.
struct HostCertificateTable {
    /// The ARK, ASK, VCEK and VLEK in the table; other entries are skipped.
    let certificates: [Certificate]

    /// The kernel's own limit for the table, SEV_FW_BLOB_MAX_SIZE.
    static let longest = 0x4000
    /// An honest table has five kinds.
    private static let mostEntries = 16

    /// The known GUIDs, in the byte order of their text form.
    private static let known: Set<[UInt8]> = [
        guid("63da758de6644564adc5f4b93be8accd"),  // VCEK
        guid("a8074bc2a25a483eaae639c045a0b8a1"),  // VLEK
        guid("4ab7b379bbac4fe4a02f05aef327c782"),  // ASK (or ASVK)
        guid("c0b406a4a803495297433fb6014cd0ae"),  // ARK
    ]

    /// - Parameter bytes: the table; empty if the host gives none.
    /// - Throws: ``MalformedInput`` if an entry lies outside it or does not hold a certificate.
    init(_ bytes: [UInt8]) throws(MalformedInput) {
        var certificates: [Certificate] = []
        var header = ByteCursor(bytes, subject: "host's certificate table")
        var entries = 0
        while header.remaining > 0 {
            let guid = try header.take(16)
            let (offset, length) = (try header.u32(), try header.u32())
            if guid.allSatisfy({ $0 == 0 }) { break }
            entries += 1
            guard entries <= Self.mostEntries else {
                throw MalformedInput("host's certificate table", "it has more than \(Self.mostEntries) entries")
            }
            guard Self.known.contains(guid) || Self.known.contains(Self.swapped(guid)) else { continue }
            var body = ByteCursor(bytes, subject: "host's certificate table")
            try body.skip(Int(offset))
            certificates += try Certificate.read(file: try body.take(Int(length)))
        }
        self.certificates = certificates
    }

    private static func guid(_ digits: String) -> [UInt8] { Hex.decode(digits) ?? [] }

    /// The other order in use: some hosts write a GUID's first three fields little-endian.
    private static func swapped(_ guid: [UInt8]) -> [UInt8] {
        Array(guid.prefix(4).reversed() + guid[4..<6].reversed() + guid[6..<8].reversed() + guid.suffix(8))
    }
}
