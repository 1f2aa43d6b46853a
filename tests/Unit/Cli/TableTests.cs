using OrleansGateway.Silo.Cli;
using Xunit;

namespace OrleansGateway.Tests.Unit.Cli;

public sealed class TableTests : IDisposable
{
    private readonly StringWriter _output = new() { NewLine = "\n" };
    private readonly StringWriter _notes = new() { NewLine = "\n" };

    private string[] Lines => _output.ToString().TrimEnd('\n').Split('\n');

    [Fact]
    public void Table_OfRows_HasItsHeadAndNumbersToTheRight()
    {
        WriteRow([new("id", "a"), new("count", 7L), new("usd", new Usd(1_500_000_000)), new("hidden", "x", IsDetail: true)]);
        Assert.Equal(["id  count   usd", "a       7  1.50"], Lines);
    }

    [Fact]
    public void Table_OfNoRows_SaysSo()
    {
        Write();
        Assert.Equal(["(none)"], Lines);
    }

    [Theory]
    [InlineData("word ")]
    [InlineData("unbroken")]
    [InlineData("名前 ")]
    [InlineData("😀")]
    public void Table_OfLongTexts_FitsAndLosesNothing(string part)
    {
        var text = string.Concat(Enumerable.Repeat(part, 60)).TrimEnd();
        WriteRow([new("id", "FirstAccount"), new("name", text), new("ref", text), new("balance_usd", new Usd(1))]);
        Assert.All(Lines, line => Assert.InRange(TextWidth.Of(line), 1, TableWriter.WidthMax));
        var letters = string.Concat(Lines.Skip(1)).Replace(" ", "", StringComparison.Ordinal);
        Assert.Equal(2 * text.Replace(" ", "", StringComparison.Ordinal).Length + "FirstAccount0.000000001".Length, letters.Length);
    }

    [Fact]
    public void Table_OfMoreNumbersThanHaveRoom_NamesTheColumnsThatAreMissing()
    {
        WriteRow([.. Enumerable.Range(10, 12).Select(i => new Field($"c{i}", long.MaxValue))]);
        Assert.All(Lines, line => Assert.InRange(line.Length, 1, TableWriter.WidthMax));
        Assert.Equal("No room for c15, c16, c17, c18, c19, c20, c21: --format csv has all.\n", _notes.ToString());
    }

    [Fact]
    public void Table_WhoseLaterRowsAreWider_GetsANewHead()
    {
        var table = new TableWriter(_output, _notes);
        for (var row = 0; row < TableWriter.BatchRows; row++)
        {
            table.Write([new("id", "a")]);
        }

        Assert.Equal(TableWriter.BatchRows + 1, Lines.Length);
        table.Write([new("id", "wider")]);
        table.End(isWhole: true);
        Assert.Equal(["id", "wider"], Lines[^2..]);
    }

    [Fact]
    public void Cell_WithControlCharacters_HasNoneOfThem() => Assert.Equal("a [31mb", TableWriter.Cell(new Field("name", "a\e[31mb")));

    [Theory]
    [InlineData("0", "0.00")]
    [InlineData("-1500000000", "-1.50")]
    [InlineData("123456789012345678901234567890", "123456789012345678901.23456789")]
    public void Usd_OfASum_IsExact(string nanos, string expected) =>
        Assert.Equal(expected, new Usd(Int128.Parse(nanos, System.Globalization.CultureInfo.InvariantCulture)).ToString());

    public void Dispose()
    {
        _output.Dispose();
        _notes.Dispose();
    }

    private void WriteRow(Field[] row) => Write(row);

    private void Write(params Field[][] rows)
    {
        var table = new TableWriter(_output, _notes);
        foreach (var row in rows)
        {
            table.Write(row);
        }

        table.End(isWhole: true);
    }
}
