using System.Buffers.Text;
using System.Text;
using Orleans.Runtime;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>A grain's key as Microsoft.Orleans.Persistence.AdoNet takes it apart (its AdoGrainKey).</summary>
/// <remarks>Keys that read as the same GUID, or as the same hexadecimal number, are one key: <c>1f</c>, <c>1F</c> and <c>01f</c>.</remarks>
/// <param name="N0">The first half of a GUID, else 0.</param>
/// <param name="N1">The second half of a GUID, or the number, else 0.</param>
/// <param name="Text">What follows either and a plus sign, or the whole of any other key; null for none.</param>
internal readonly record struct StateKey(long N0, long N1, string? Text)
{
    private const int GuidDigits = 32;

    public static StateKey Of(GrainId grain)
    {
        var key = Encoding.UTF8.GetBytes(grain.Key.ToString()!);
        var plus = key.AsSpan().IndexOf((byte)'+');
        var number = plus < 0 ? key : key.AsSpan(0, plus);
        var text = plus < 0 ? null : Encoding.UTF8.GetString(key.AsSpan(plus + 1));
        if (number.Length == GuidDigits && Utf8Parser.TryParse(number, out Guid guid, out _, 'N'))
        {
            Span<byte> halves = stackalloc byte[16];
            guid.TryWriteBytes(halves);
            return new(BitConverter.ToInt64(halves), BitConverter.ToInt64(halves[8..]), text);
        }

        return Utf8Parser.TryParse(number, out long integer, out var length, 'X') && length == number.Length
            ? new(0, integer, text)
            : new(0, 0, Encoding.UTF8.GetString(key));
    }
}
