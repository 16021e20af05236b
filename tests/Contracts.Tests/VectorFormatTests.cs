using CloudVm.Contracts.Vms;

namespace CloudVm.Contracts.Tests;

public sealed class VectorFormatTests
{
    private const string Bytes = "0102030405060708f0ffffffffffffff";

    [Theory]
    [InlineData(8, LaneView.Hex, "01 02 03 04 05 06 07 08 f0 ff ff ff ff ff ff ff")]
    [InlineData(16, LaneView.Unsigned, "513 1027 1541 2055 65520 65535 65535 65535")]
    [InlineData(32, LaneView.Signed, "67305985 134678021 -16 -1")]
    [InlineData(64, LaneView.Signed, "578437695752307201 -16")]
    [InlineData(128, LaneView.Hex, "fffffffffffffff00807060504030201")]
    [InlineData(128, LaneView.Signed, "-294569467483600518655")]
    public void Lanes_are_little_endian_and_lane_0_comes_first(int width, LaneView view, string expected) =>
        Assert.Equal(expected, string.Join(' ', VectorFormat.Lanes(Bytes, 128, width, view)));

    [Theory]
    [InlineData("000000000000f83f00000000000000c0", 64, "1.5 -2")]
    [InlineData("0000c03f000000c0", 32, "1.5 -2")]
    [InlineData("003e00c0", 16, "1.5 -2")]
    public void Floats_are_read_at_each_width_that_has_them(string bytes, int width, string expected) =>
        Assert.Equal(expected, string.Join(' ', VectorFormat.Lanes(bytes, 128, width, LaneView.Float)));

    [Fact]
    public void Widths_without_floats_fall_back_to_hex() =>
        Assert.Equal("01", VectorFormat.Lanes("01", 128, 8, LaneView.Float)[0]);

    [Fact]
    public void Only_the_effective_vector_length_is_shown() =>
        Assert.Equal(2, VectorFormat.Lanes(new string('0', 512), 128, 64, LaneView.Hex).Count);

    [Theory]
    [InlineData("0301", 128, 8, "11...... 1.......")]
    [InlineData("0301", 128, 32, "1.1.")]
    [InlineData("0301", 128, 64, "11")]
    [InlineData("0200", 128, 64, "..")]
    public void An_element_is_active_by_the_lowest_bit_of_its_bytes(string bytes, int vector, int width, string expected) =>
        Assert.Equal(expected, VectorFormat.Predicate(bytes, vector, width));
}
