import Bytes

/// The table of blocks at the end of an OVMF image, which tells a VMM the firmware's addresses.
///
/// It ends 32 bytes before the end of the image and is read backwards: a block is data, then its length (u16, data and
/// 18 bytes), then its GUID. The last block is a footer whose length is that of the whole table. Source: edk2,
/// OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm.
struct GUIDedTable {
    private let blocks: [(guid: EFIGUID, data: ArraySlice<UInt8>)]
    private let subject: String

    private static let header = 18
    private static let behind = 32

    /// - Returns: nil for an image that has no footer.
    /// - Throws: for a block that leaves the table, or a table that leaves the image.
    init?(of image: [UInt8], subject: String) throws(MalformedInput) {
        let end = image.count - Self.behind
        guard end >= Self.header, EFIGUID(image[end - 16..<end]) == .footer else { return nil }
        let size = Self.length(image, before: end)
        guard size >= Self.header, size <= end else {
            throw MalformedInput(subject, "its table of GUIDs says that it has \(size) bytes, and \(end) are there")
        }
        let start = end - size
        var blocks: [(guid: EFIGUID, data: ArraySlice<UInt8>)] = []
        var position = end - Self.header
        while position > start {
            let left = position - start
            let length = left >= Self.header ? Self.length(image, before: position) : 0
            guard length >= Self.header, length <= left else {
                throw MalformedInput(
                    subject, "a block of its table of GUIDs, which ends at byte \(position), has an impossible length")
            }
            blocks.append(
                (EFIGUID(image[position - 16..<position]), image[position - length..<position - Self.header]))
            position -= length
        }
        (self.blocks, self.subject) = (blocks, subject)
    }

    private static func length(_ image: [UInt8], before end: Int) -> Int {
        Int(image[end - header]) | Int(image[end - header + 1]) << 8
    }

    /// A block's data, of exactly this many bytes; nil when there is no such block.
    func block(_ guid: EFIGUID, _ name: String, count: Int) throws(MalformedInput) -> ByteCursor? {
        let found = blocks.filter { $0.guid == guid }
        guard let block = found.first else { return nil }
        guard found.count == 1 else {
            throw MalformedInput(subject, "its table of GUIDs has the \(name) \(found.count) times")
        }
        guard block.data.count == count else {
            throw MalformedInput(subject, "its \(name) has \(block.data.count) bytes instead of \(count)")
        }
        return ByteCursor(block.data, subject: "\(subject), \(name)")
    }
}

/// A GUID as EFI writes it: 16 bytes, the first three groups little-endian.
struct EFIGUID: Hashable, Sendable {
    let bytes: [UInt8]

    init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

    init(_ a: UInt32, _ b: UInt16, _ c: UInt16, _ rest: UInt64) {
        bytes = a.littleEndianBytes + b.littleEndianBytes + c.littleEndianBytes + rest.bigEndianBytes
    }

    static let footer = EFIGUID(0x96b5_82de, 0x1fb2, 0x45f7, 0xbaea_a366_c55a_082d)
    static let sevESResetBlock = EFIGUID(0x00f7_71de, 0x1a7e, 0x4fcb, 0x890e_68c7_7e2f_b44e)
    static let hashTablePlace = EFIGUID(0x7255_371f, 0x3a3b, 0x4b04, 0x927b_1da6_efa8_d454)
    static let sevMetadata = EFIGUID(0xdc88_6566, 0x984a, 0x4798, 0xa75e_5585_a7bf_67cc)

    static let hashTable = EFIGUID(0x9438_d606, 0x4f22, 0x4cc9, 0xb479_a793_d411_fd21)
    static let commandLineHash = EFIGUID(0x97d0_2dd8, 0xbd20, 0x4c94, 0xaa78_e771_4d36_ab2a)
    static let initrdHash = EFIGUID(0x44ba_f731, 0x3a2f, 0x4bd7, 0x9af1_41e2_9169_781d)
    static let kernelHash = EFIGUID(0x4de7_9437, 0xabd2, 0x427f, 0xb835_d5b1_72d2_045b)
}
