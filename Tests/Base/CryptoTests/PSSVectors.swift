/// Made by the `openssl` command.
enum PSSVectors {
    static let key =
        "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqD2LFnHk8nmEgqvYnAUPLPehxFPid7rF5/S9XJLT/513ORVU8gnzl05g"
        + "QhMukfDZdcA/A2L8GLkXXTTixLLwkjCRzRV9MbDlCK8OBSU9bZyeCiyaBxo1vT+tFmaTMrGxcqU12dkQNS2KF/qv9bP7NHRCXAWU"
        + "juJOjRlCG8Her/JdeIM6pThtveeZ6r5VHFtd44mxZHLNPg3MsB0fgtmr8qR6/3mtylpU1RVs0LkLFzcMQ+29yRaX3c2BRjv30NAt"
        + "ESKoxnhuBbvBKMUukUnY4frIWmY7RluLDAVlIuoLMtHEVldoC3GIfm+sVUI7hh4UJSJxOlk8pURc48hnmuapmwIDAQAB"
    static let signatures: [(Int, String)] = [
        (
            0,
            "YHV/DLB1QNRV9yAa/LtE73GCvK4Ha8JOhbtNhuL7Klq/9hv5dOoIbV+R8ow7sqisd2NDIcdnSJQxnl7HvnFzWVjnyVB4iomGyBCL"
                + "9KiSURdPZ73zKZlMiWhTNUHd+7qp3XCl/hwlSCs3/8BYNSNT3eqxWIm5I6XtvIIF4EJbFD8C00dAQLtYGvp4/8ZxPJzzkLpPXk1j"
                + "fiBDtn/PAPj557tG9vySRbVVGjCtyh3G5bcyiS+r/v9MBTWrttkIl9B2mP2Gm7/WJ13rnQzyv8LDWoAjmvnHrnRwmQX5UkFDGqoC"
                + "98N6GVdO8r6CDLlpqlSGVS/H3S8X6f87omvHKj9yIg=="
        ),
        (
            20,
            "XaZd3+5JavRnJ6qcsv7Kfgwf1KUhE5sSNNIIbA/DGp5O9zIG1etf9HKUOzvMXCFyFsiiLqefi71K3KzIIHnNIfCB8K381AgVvAh6"
                + "sLOLmyfOdBQIwmFDS2hXG2sSm3+i9zAgtkOdQJUyZlS4WS73sA+f36cS7tqpckoFucRQU+oM5PMl5zFp2ZMZp0iEUyEhq7+sBD5g"
                + "DMl/wT6RQUFM5BkaHrct/T62rRd0sOk/U2tGMQEL4Rr2sni2UMD+mLSAaiL4vMG3oDw7gg16FParW1w8iCujmpWMaGwvV1Rexcb+"
                + "n2FFpVdmBxVsEG/2AQI+mMvGqsZ8Ntcs2BHDqoavdQ=="
        ),
        (
            31,
            "ljdlc4OjCCoJLhpeshWJUTj+LnjpOOyk/BjwWLOSwoKzKQhHqZO9wPchbUMoqAjCZm1DPrgB1IEvs2+yLxlfOXa7ZndON722ox/Q"
                + "D2yTsdwMc1H5Ams0zjLgTBB60Ao1NK0q1BLwb6AJLLoL9s00LPEDcMDQxqSNGG5wWNQk/qgn9OTat9Oe3ukOAf8JvN8AoBTAGM1d"
                + "UUDDZzO6T6hOXd+PCK99ABkKBs9mHrG7N4OUVOciZ+Stl43n1MO8Plj19TQ0B5Z32uAqmqzR/orY0+FzAPBtF4cXKtZ7RLC1riXL"
                + "HYaaretIiEHYRUyy0EcGf7Vz/fztqgY1d9GemhsisQ=="
        ),
        (
            32,
            "DTtu3xteZwIQbv7wKciGB/I3EGn9vJi2CmEKN/o4fWWg26kreWvvz1U/HQ1ot/sou1DoSQTKibPOJhkhELlYYnHClyGINEa+ISjz"
                + "1V5FtNM8ArkQCcjRxz1U29mZGwJ19eTeNz1RgkMPUWFo/yiRYr5hK/guri7ed9tPS9iNMMNC4eWkQaFkY73tU4UilOOThiQTASfI"
                + "o7apsSbxKEyxVL1nEJb7mGDHl3CuElS68ejrryQBoCOWZg0mMeqDXXTWeJip4CDcHWgId9DAn2q2rRuiJMJ1YlGEb/fouG+tXk/f"
                + "1c2vq1irb9G9q22tcNUxJnMCr6dySfheSp/G1IHzrQ=="
        ),
        (
            33,
            "YVVWD2ezIPYPEVt51BnSzl4jGhRE2x5B6dQ6pXowbhH4Q48BhmdTef8dSzrW7OVAH01ReFZKwiDkmU5+g2noWnmgjOpnKtcvVlbP"
                + "TURVVIic1v8QzRG2hcJqzS0jiNq4h2g/I651QCMfUYa5ITYqO+twMOn/155/QWpDoSv2BrV3BDy2zoJzHN4PytBqV36iKkoUDBTh"
                + "lr48qpvc1Jcs6cg35JnqSVu6wY9GnFA/5NbCxjX7TmpOC9viDQdiGv7RSEbfq0J1bsNLH4HYVC42rXRjnRDoQy57SAu3fEU+H7gg"
                + "Cy+Ak2cQa+RiUlcV/XImyqOUNHHFCbrhj3laTJvEJA=="
        ),
        (
            222,
            "X/oZJKP84ZHT75JTjKopUwgF2oBnQlkw44CSzLd1xE+C3HVOs3cFXKbmmVpDnegp+6IalPK1HS7uhIXGJxD+ve7uTNQPRzd6QbfO"
                + "jdpkWQ30FW51xgrGe2w4J/ArGzypExq2IwNl1bUSlSDj3lzZfA1vgcBC9emaKDc1YeivcGxpIfLKGdmAz6UH1giQNVP8RlaDKcHz"
                + "ToXDcc+BbVjzkouxCGf2xDuj/iMcnEHIj9KCMBWSWdF01h0A6DRb5QDL/3d2aavwD2mM7wnDYhwTAw0/HqvUuxb3KlNYzJ6DIqTc"
                + "x9kVKbhKmkSIzIYmPx6lNkCiL9k877puWarvNdXEVg=="
        ),
    ]
}
