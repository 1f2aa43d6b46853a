using OrleansGateway.Grains.Contracts.Keys;

namespace OrleansGateway.Web.Components;

/// <summary>Names of changes, by which operations know a repeat.</summary>
internal static class FormIds
{
    /// <summary>A new one.</summary>
    public static string NewRequestId(this RandomSource random)
    {
        Span<byte> bytes = stackalloc byte[16];
        random.Fill(bytes);
        return Convert.ToHexStringLower(bytes);
    }
}
