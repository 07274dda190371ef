import Bytes
import LaunchDigest

/// An image with the tables of OVMF and nothing else, made up for a test.
struct MadeFirmware {
    /// GUIDs as they are written, and data.
    typealias Block = (guid: String, data: [UInt8])

    var size = 0x4000
    var metadataAt = 0x3000
    var sections: [(address: UInt32, size: UInt32, type: UInt32)] = [
        (0x80_0000, 0x3000, 1), (0x80_3000, 0x1000, 2), (0x80_4000, 0x1000, 3), (0x80_5000, 0x1000, 4),
        (0x80_6000, 0x1000, 0x10), (0x80_7000, 0x2000, 1),
    ]
    var signature = "ASEV"
    var version: UInt32 = 1
    /// nil for what the sections take.
    var metadataLength: UInt32?
    var sectionCount: UInt32?
    /// nil for the right one.
    var metadataFromEnd: UInt32?
    var hashTable: (address: UInt32, size: UInt32)? = (0x80_6C00, 0x400)
    var resetAddress: UInt32? = 0x90_1234
    var hasMetadata = true
    /// In front of the others.
    var moreBlocks: [Block] = []
    /// nil for the right one.
    var tableLength: UInt16?
    var footer = "96b582de-1fb2-45f7-baea-a366c55a082d"

    var bytes: [UInt8] {
        var image = blob(size, 9)
        var metadata = Array(signature.utf8)
        let length = metadataLength ?? UInt32(16 + 12 * sections.count)
        for value in [length, version, sectionCount ?? UInt32(sections.count)] { metadata += value.littleEndianBytes }
        for section in sections {
            for value in [section.address, section.size, section.type] { metadata += value.littleEndianBytes }
        }
        if hasMetadata { image.replaceSubrange(metadataAt..<metadataAt + metadata.count, with: metadata) }
        var table = blocks.flatMap { $0.data + UInt16($0.data.count + 18).littleEndianBytes + Self.guid($0.guid) }
        table += (tableLength ?? UInt16(table.count + 18)).littleEndianBytes + Self.guid(footer)
        image.replaceSubrange(size - 32 - table.count..<size - 32, with: table)
        return image
    }

    private var blocks: [Block] {
        var blocks = moreBlocks
        if hasMetadata {
            let fromEnd = metadataFromEnd ?? UInt32(size - metadataAt)
            blocks.append(("dc886566-984a-4798-a75e-5585a7bf67cc", fromEnd.littleEndianBytes))
        }
        blocks.append(
            (
                "4c2eb361-7d9b-4cc3-8081-127c90d3d294",
                UInt32(0x80_6000).littleEndianBytes + UInt32(0xC00).littleEndianBytes
            ))
        if let hashTable {
            blocks.append(
                (
                    "7255371f-3a3b-4b04-927b-1da6efa8d454",
                    hashTable.address.littleEndianBytes + hashTable.size.littleEndianBytes
                ))
        }
        if let resetAddress {
            blocks.append(("00f771de-1a7e-4fcb-890e-68c77e2fb44e", resetAddress.littleEndianBytes))
        }
        return blocks
    }

    static func guid(_ text: String) -> [UInt8] {
        let groups = text.split(separator: "-").map { Hex.decode($0) ?? [] }
        return groups.enumerated().flatMap { $0 < 3 ? $1.reversed() : $1 }
    }
}

/// Bytes that are not random and not alike, by the formula of the vectors.
func blob(_ count: Int, _ salt: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: 7 * $0 + 13 * ($0 >> 8) + salt) }
}
