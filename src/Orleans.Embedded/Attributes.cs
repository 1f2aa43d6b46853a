#pragma warning disable CS9113, CA1019, CA1018
namespace Orleans
{
    public interface IGrain;
    public interface IGrainWithStringKey : IGrain;
    [AttributeUsage(AttributeTargets.All)] public sealed class GenerateSerializerAttribute : Attribute;
    [AttributeUsage(AttributeTargets.All)] public sealed class ImmutableAttribute : Attribute;
    [AttributeUsage(AttributeTargets.All)] public sealed class AliasAttribute(string alias) : Attribute;
    [AttributeUsage(AttributeTargets.All)] public sealed class IdAttribute(uint id) : Attribute;
}
namespace Orleans.Concurrency
{
    [AttributeUsage(AttributeTargets.All)] public sealed class ReentrantAttribute : Attribute;
}
