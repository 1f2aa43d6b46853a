namespace OrleansGateway.Web;

/// <summary>The texts that people agree to.</summary>
internal static class Policies
{
    /// <summary>Of terms and privacy policy, as the consent register names it.</summary>
    public const string Version = "2";
}
