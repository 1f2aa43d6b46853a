using System.Security.Cryptography;
using System.Text;

namespace OrleansGateway.Protocols.OpenAI.Responses;

/// <summary>A tool of the client's as Responses name it; other protocols know one flat name of it.</summary>
/// <param name="Namespace">What it stands in; null when in none.</param>
/// <param name="IsText">Whether its input is text.</param>
public sealed record ResponsesTool(string? Namespace, string Name, bool IsText)
{
    /// <summary>No protocol takes longer names of tools than all take.</summary>
    private const int NameLengthMax = 64;

    /// <summary>The name that it has in other protocols: always the same, so that calls of earlier turns are called so too.</summary>
    public static string FlatName(string? inNamespace, string name)
    {
        if (string.IsNullOrEmpty(inNamespace))
        {
            return name;
        }

        var flat = string.Concat($"{inNamespace.TrimEnd('_')}__{name}".Select(static letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '-' ? letter : '_'));
        return flat.Length <= NameLengthMax ? flat : flat[..(NameLengthMax - 9)] + "_" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(flat)))[..8];
    }
}
