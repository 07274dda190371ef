import Bytes
import Evidence
import EvidenceSupport
import SimulatedHardware
import Testing

@testable import Guest

@Suite("The host's certificate table")
struct HostCertificateTableTests {
    @Test("ARK, ASK and VCEK are read in the host's order")
    func simulated() throws {
        let table = try HostCertificateTable(try HostTable.simulated() + [UInt8](repeating: 0, count: 500))
        #expect(table.certificates == [try Simulated.snp.ark, try Simulated.snp.ask, try Simulated.vcek.certificate])
    }

    @Test("A GUID with its first fields in little-endian order counts too")
    func littleEndian() throws {
        let bytes = try HostTable.bytes([("8d75da6364e66445adc5f4b93be8accd", Simulated.vcek.certificate.der)])
        #expect(try HostCertificateTable(bytes).certificates == [try Simulated.vcek.certificate])
    }

    @Test("PEM is read, and what has another GUID is passed over, whatever it is")
    func others() throws {
        let bytes = try HostTable.bytes([
            ("92f81bc358114d3d97ffd19f88dc67ea", [1, 2, 3]), (HostTable.ark, Array(Simulated.snp.ark.pem.utf8)),
        ])
        #expect(try HostCertificateTable(bytes).certificates == [try Simulated.snp.ark])
    }

    @Test("No table, and a table of zeros, hold nothing", arguments: [0, 24, 16_384])
    func empty(length: Int) throws {
        #expect(try HostCertificateTable([UInt8](repeating: 0, count: length)).certificates.isEmpty)
    }

    @Test("An entry outside the table, no certificate, a cut header, and too many entries are errors")
    func broken() throws {
        let vcek = Hex.decode(HostTable.vcek) ?? []
        let end = [UInt8](repeating: 0, count: 24)
        for (offset, length) in [(48, 1), (0, 49), (UInt32.max, 1), (1, UInt32.max), (UInt32.max, UInt32.max)]
            as [(UInt32, UInt32)]
        {
            let bytes = vcek + offset.littleEndianBytes + length.littleEndianBytes + end
            #expect(throws: MalformedInput.self) { try HostCertificateTable(bytes) }
        }
        #expect(throws: MalformedInput.self) {
            try HostCertificateTable(HostTable.bytes([(HostTable.vcek, [1, 2, 3])]))
        }
        #expect(throws: MalformedInput.self) { try HostCertificateTable(Array(vcek.prefix(10))) }
        let many = [(guid: String, content: [UInt8])](repeating: (String(repeating: "11", count: 16), []), count: 17)
        #expect(throws: MalformedInput.self) { try HostCertificateTable(HostTable.bytes(many)) }
    }
}
